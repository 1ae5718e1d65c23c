// The report on one or several sweeps: a page, a Markdown file, figures and tables.
//
// It draws and formats what the database holds and what `Findings` say; it decides nothing itself.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "results/findings.h"
#include "results/query.h"

namespace rankscope {

struct ReportOptions {
  std::filesystem::path out;                   // the folder that is made
  std::vector<std::filesystem::path> folders;  // of the sweeps, named under "How it was run"
  bool png = true;                             // each figure also as PNG; as SVG always
};

struct ReportSummary {
  std::int64_t figures = 0;          // drawn
  std::int64_t tables = 0;           // with at least one row
  std::vector<std::string> missing;  // sentences: what is not in the report, and why
};

// Makes `out` with report.html, report.md, figures/NAME.{svg,png,csv,gp} and tables/NAME.{csv,tex}.
// It appears whole or not at all, in the place of an earlier report. Without gnuplot, or where it
// fails, the rest is written and `missing` says so.
//
// Errors: InputError where `out` holds anything that is no report's, or cannot be made;
// MachineError for a full or failing disk; those of ResultsReader; Interrupted.
ReportSummary write_report(ResultsReader& results, const Findings& findings,
                           const ReportOptions& options);

}  // namespace rankscope
