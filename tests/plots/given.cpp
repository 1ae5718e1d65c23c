#include "tests/plots/given.h"

#include "tests/plots/sample.h"

namespace rankscope::tests {

Given::Given(std::vector<ScoreFinding> scores) {
  fill_report_sample(folder / "results.db", SampleKind::kEmpty);
  results.emplace(std::vector{folder.path()});
  findings.scores = std::move(scores);
  data.emplace(*results, findings);
}

ScoreFinding score(const std::string& task, const std::string& method, const std::string& targets,
                   std::optional<std::int64_t> rank, std::int64_t parameters, double mean) {
  ScoreFinding s;
  s.sweep = "s";
  s.base = "b";
  s.task = task;
  s.metric = task == "wikisql" ? "logical_form" : "accuracy";
  s.method = method;
  s.targets = targets;
  s.setting = task + method + targets + std::to_string(rank.value_or(0));
  s.group = "g";
  s.rank = rank;
  s.parameters = parameters;
  s.train_examples = 1000;
  s.mean = mean;
  s.low = mean - 1;
  s.high = mean + 1;
  s.seeds = {1, 2, 3};
  s.headline = true;
  return s;
}

TrialRecord finished_trial(const std::string& id) {
  TrialRecord trial;
  trial.trial = id;
  trial.sweep = "s";
  trial.task = "mnli";
  trial.state = "done";
  trial.role = "scored";
  trial.method = "full";
  return trial;
}

std::string shown(const TableSet& set) {
  std::string text;
  for (const Table& table : set.tables) {
    for (const auto& row : table.rows) {
      for (const ShownCell& cell : row) text += cell.text + " | ";
      text += "\n";
    }
  }
  return text;
}

}  // namespace rankscope::tests
