// Hand-made scores, and what tables and figures show of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plots/report_data.h"
#include "plots/table.h"
#include "results/query.h"
#include "results/store.h"
#include "tests/temporary_folder.h"

namespace rankscope::tests {

// The scores of hand-made findings over an empty database.
struct Given {
  explicit Given(std::vector<ScoreFinding> scores);
  TemporaryFolder folder;
  std::optional<ResultsReader> results;
  Findings findings;
  std::optional<ReportData> data;
};

// Of three seeds, with an interval of one point either way, in the sweep "s" on the base "b".
ScoreFinding score(const std::string& task, const std::string& method, const std::string& targets,
                   std::optional<std::int64_t> rank, std::int64_t parameters, double mean);

// A finished trial of full fine-tuning on MNLI, in the sweep "s".
TrialRecord finished_trial(const std::string& id);

// The shown texts of a table, cells parted by " | ".
std::string shown(const TableSet& set);

}  // namespace rankscope::tests
