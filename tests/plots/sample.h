// A small sweep with everything that a report shows, under names that try to be markup.
#pragma once

#include <filesystem>
#include <string>

#include "results/findings.h"
#include "results/query.h"
#include "tests/temporary_folder.h"

namespace rankscope::tests {

// A text that ends strings, starts tags, fields, commands and comments in some language each.
inline const std::string kHostile =
    "<script>alert(1)</script> \"q\" 'q' | a\nb \\ % _ $x$ # & {c} ^ ~ `d` [e] <!-- -->";

enum class SampleKind {
  kWhole,  // every kind of trial finished, adapters analysed
  kHalf,   // the same, half of it pending or failed, nothing analysed
  kEmpty,  // a database without a sweep
};

// Fills a new database at `db`.
void fill_report_sample(const std::filesystem::path& db, SampleKind kind);

// For each setting of the database the mean of its seeds and an interval around it, and a claim of
// each verdict, named hostilely.
Findings findings_of(ResultsReader& results);

}  // namespace rankscope::tests
