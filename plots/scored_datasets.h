// The datasets that a report's trials were scored on.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "plots/report_data.h"

namespace rankscope {

struct ScoredDataset {
  std::string dataset;             // its key in the database
  std::string kind;                // which task it is: wikisql, mnli, own, ...
  std::vector<std::string> names;  // of the tasks in their sweeps that are scored on it
  std::string split, file;
  // SHA-256 of the file, then of the one that is read with it (WikiSQL's tables); empty where no
  // trial has them.
  std::vector<std::string> hashes;
  std::int64_t examples = 0;  // that were read of the file
  // Over the fewest and the most of them a trial's score is a mean, by headline metric: of some
  // metrics an example may have no outcome.
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> scored = {};
};

// In the paper's order of tasks, then by kind, split and file.
std::vector<ScoredDataset> scored_datasets(ReportData& data);

// The tasks, by sweep, of which trials are trained on examples that they are scored on: "pick
// (sweep s)".
std::vector<std::string> tasks_scored_on_training(ReportData& data);

// Its tasks by their names, the kind in brackets where none of them has that name, and before
// `more`: "MNLI, few", "pick (own)", "pick (own, dev)".
std::string dataset_label(const ScoredDataset& dataset, const std::string& more = {});

// "20 examples", and by which metric fewer of them are scored: "20 examples, 8 scored by exact
// match".
std::string examples_text(const ScoredDataset& dataset);
// "8"; "8 to 12" where trials differ.
std::string scored_text(const std::pair<std::int64_t, std::int64_t>& fewest_and_most);

}  // namespace rankscope
