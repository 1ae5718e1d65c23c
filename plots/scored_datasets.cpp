#include "plots/scored_datasets.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "common/natural_order.h"
#include "plots/format.h"
#include "results/cells.h"
#include "results/seen_examples.h"

namespace rankscope {

namespace {

void add_counts(ReportData& data, std::vector<ScoredDataset>& all) {
  std::set<std::array<std::string, 3>> headlines;  // sweep, setting and metric
  for (const ScoreFinding& score : data.findings().scores)
    if (score.headline) headlines.insert({score.sweep, score.setting, score.metric});
  for (const Row& row :
       data.rows("SELECT t.dataset, s.metric, s.count, s.sweep, s.setting FROM scores s JOIN "
                 "trials t ON t.sweep = s.sweep AND t.trial = s.trial WHERE t.state = 'done' AND "
                 "t.dataset <> ''")) {
    const std::string metric = text_in(row[1]);
    const std::optional<std::int64_t> count = integer_in(row[2]);
    const auto found = std::ranges::find(all, text_in(row[0]), &ScoredDataset::dataset);
    if (!count || found == all.end() ||
        !headlines.contains({text_in(row[3]), text_in(row[4]), metric}))
      continue;
    auto& [fewest, most] = found->scored.try_emplace(metric, *count, *count).first->second;
    fewest = std::min(fewest, *count);
    most = std::max(most, *count);
  }
}

}  // namespace

std::vector<ScoredDataset> scored_datasets(ReportData& data) {
  std::vector<ScoredDataset> all;
  for (const Row& row :
       data.rows("SELECT DISTINCT dataset, task, split, file, examples FROM datasets ORDER BY "
                 "task, split, file, dataset")) {
    // Another sweep may name the same file another way.
    if (std::ranges::find(all, text_in(row[0]), &ScoredDataset::dataset) != all.end()) continue;
    all.push_back({.dataset = text_in(row[0]),
                   .kind = text_in(row[1]),
                   .names = {},
                   .split = text_in(row[2]),
                   .file = text_in(row[3]),
                   .hashes = {},
                   .examples = integer_in(row[4]).value_or(0)});
  }
  for (const Row& row :
       data.rows("SELECT t.dataset, t.task, max((SELECT value FROM config c WHERE c.sweep = "
                 "t.sweep AND c.trial = t.trial AND c.key = 'score.file')) FROM trials t WHERE "
                 "t.dataset <> '' GROUP BY t.dataset, t.task ORDER BY t.task")) {
    const auto found = std::ranges::find(all, text_in(row[0]), &ScoredDataset::dataset);
    if (found == all.end()) continue;
    found->names.push_back(text_in(row[1]));
    if (found->hashes.empty()) found->hashes = hashes_in(text_in(row[2]));
  }
  for (ScoredDataset& dataset : all) std::ranges::stable_sort(dataset.names, {}, natural_key);
  add_counts(data, all);
  std::ranges::stable_sort(all, {}, [](const ScoredDataset& d) { return task_order(d.kind); });
  return all;
}

std::vector<std::string> tasks_scored_on_training(ReportData& data) {
  std::vector<std::string> tasks;
  for (const SeenTask& seen : seen_tasks(data.results()))
    if (seen.trained)
      tasks.push_back(fmt::format("{} (sweep {})", task_label(seen.task), seen.sweep));
  return tasks;
}

std::string dataset_label(const ScoredDataset& dataset, const std::string& more) {
  std::vector<std::string> names, in_brackets;
  for (const std::string& name : dataset.names) names.push_back(task_label(name));
  if (std::ranges::find(dataset.names, dataset.kind) == dataset.names.end())
    in_brackets.push_back(task_label(dataset.kind));
  if (!more.empty()) in_brackets.push_back(more);
  std::string label = fmt::format("{}", fmt::join(names, ", "));
  if (!in_brackets.empty()) label += fmt::format(" ({})", fmt::join(in_brackets, ", "));
  return label;
}

std::string examples_text(const ScoredDataset& dataset) {
  std::string text = counted(dataset.examples, "example");
  for (const auto& [metric, counts] : dataset.scored)
    if (counts.first < dataset.examples)
      text += fmt::format(", {} scored by {}", scored_text(counts), metric_label(metric));
  return text;
}

std::string scored_text(const std::pair<std::int64_t, std::int64_t>& fewest_and_most) {
  const auto& [fewest, most] = fewest_and_most;
  return fewest == most ? grouped(most) : grouped(fewest) + " to " + grouped(most);
}

}  // namespace rankscope
