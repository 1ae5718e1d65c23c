#include "experiments/sweep/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <vector>

#include "datasets/task.h"

namespace rankscope {

namespace {

struct Row {
  std::string metric;
  std::vector<double> scores;
  int diverged = 0, failed = 0, pending = 0;
};

// The values that tell the rows apart.
using Key = std::vector<std::string>;

// A task's first metric that the trial has: accuracy for an own task whose entries have choices.
std::optional<double> first_score(const Trial& trial, const Json& metrics, std::string& metric) {
  for (const std::string_view name : find_task(trial.config.task.score.data.task).metrics) {
    const auto found = metrics.find(std::string(name));
    if (found == metrics.end() || !found->at("value").is_number()) continue;
    metric = name;
    return found->at("value").get<double>();
  }
  return {};
}

std::string mean_text(const Row& row) {
  if (row.scores.empty()) return "-";
  double mean = 0;
  for (const double score : row.scores) mean += score;
  const auto count = static_cast<double>(row.scores.size());
  mean /= count;
  if (row.scores.size() < 2) return fmt::format("{:.1f}", 100 * mean);
  double squares = 0;
  for (const double score : row.scores) squares += (score - mean) * (score - mean);
  return fmt::format("{:.1f} ± {:.1f}", 100 * mean, 100 * std::sqrt(squares / (count - 1)));
}

std::string remarks(const Row& row) {
  std::string text;
  if (row.diverged > 0) text += fmt::format(" {} diverged", row.diverged);
  if (row.failed > 0) text += fmt::format(" {} failed", row.failed);
  if (row.pending > 0) text += fmt::format(" {} to do", row.pending);
  return text;
}

std::size_t columns_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string aligned(const std::vector<Key>& rows) {
  std::vector<std::size_t> widths;
  for (const Key& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], columns_of(row[i]));
  }
  std::string text;
  for (const Key& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i)
      line += row[i] + std::string(widths[i] - columns_of(row[i]) + 2, ' ');
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace

std::string summary_table(const Manifest& manifest, const std::vector<TrialResult>& results) {
  std::vector<std::pair<Key, Row>> rows;
  std::map<std::string, double> base_scores;  // by task
  for (std::size_t i = 0; i < manifest.trials.size(); ++i) {
    const Trial& trial = manifest.trials[i];
    if (trial.is_tuning()) continue;
    const Key key = {trial.config.task.name, trial.config.method, trial.setting("targets"),
                     trial.setting("rank"), trial.config.tuning ? "tuned" : trial.setting("lr")};
    auto found = std::ranges::find_if(rows, [&](const auto& row) { return row.first == key; });
    if (found == rows.end()) {
      rows.push_back({key, {}});
      found = rows.end() - 1;
    }
    Row& row = found->second;
    switch (results[i].state) {
      case TrialState::kDone:
        if (const auto score = first_score(trial, results[i].metrics, row.metric)) {
          row.scores.push_back(*score);
          if (!trial.trains()) base_scores[trial.config.task.name] = *score;
        }
        break;
      case TrialState::kDiverged:
        ++row.diverged;
        if (const auto base = base_scores.find(trial.config.task.name); base != base_scores.end())
          row.scores.push_back(base->second);
        break;
      case TrialState::kFailed:
        ++row.failed;
        break;
      case TrialState::kPending:
        ++row.pending;
    }
  }
  // Task by task, in the order of the file.
  std::vector<std::string> tasks;
  for (const auto& [key, row] : rows)
    if (std::ranges::find(tasks, key[0]) == tasks.end()) tasks.push_back(key[0]);
  std::ranges::stable_sort(rows, {}, [&](const auto& row) {
    return std::ranges::find(tasks, row.first[0]) - tasks.begin();
  });
  std::vector<Key> table = {{"task", "method", "targets", "rank", "lr", "n", "metric", "score, %"}};
  for (auto& [key, row] : rows) {
    Key line = key;
    line.push_back(std::to_string(row.scores.size()));
    line.push_back(row.metric);
    line.push_back(mean_text(row) + remarks(row));
    table.push_back(std::move(line));
  }
  return aligned(table);
}

}  // namespace rankscope
