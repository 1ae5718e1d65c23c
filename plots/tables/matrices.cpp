// Table 5 of the paper.
#include <algorithm>
#include <map>
#include <set>

#include "plots/format.h"
#include "plots/report_data.h"
#include "plots/tables/makers.h"
#include "plots/tables/score_cells.h"

namespace rankscope {

namespace {

// Budget, sweep, targets, rank.
using Key = std::tuple<std::int64_t, std::string, std::pair<int, std::string>, std::int64_t>;

std::optional<Table> matrices_on(const ReportData& data, const std::string& base) {
  std::map<Key, std::map<std::string, std::vector<const ScoreFinding*>>> lines;
  std::map<std::pair<std::int64_t, std::string>, std::set<std::string>> of_budget;
  for (const ScoreFinding* s : data.scores()) {
    if (s->base != base || s->method != "lora" || !s->rank || !s->parameters) continue;
    lines[{*s->parameters, s->sweep, targets_order(s->targets), *s->rank}][s->task].push_back(s);
    of_budget[{*s->parameters, s->sweep}].insert(s->targets);
  }
  std::erase_if(lines, [&](const auto& line) {
    return of_budget[{std::get<0>(line.first), std::get<1>(line.first)}].size() < 2;
  });
  if (lines.empty()) return std::nullopt;
  std::vector<const ScoreFinding*> scores;
  std::vector<std::string> tasks;
  for (const std::string& task : data.tasks()) {
    const std::size_t before = scores.size();
    for (const auto& [key, by_task] : lines)
      if (by_task.contains(task))
        scores.insert(scores.end(), by_task.at(task).begin(), by_task.at(task).end());
    if (scores.size() > before) tasks.push_back(task);
  }

  const ScoreCells cells(scores);
  Table table{.name = "table5",
              .title = "Which weight matrices?",
              .caption = {},
              .answers = "Table 5",
              .columns = {{"parameters", true}, {"matrices"}, {"rank", true}},
              .rows = {},
              .data = {score_columns(), {}}};
  if (data.several_sweeps()) table.columns.push_back({"sweep"});
  for (const std::string& task : tasks) {
    table.columns.push_back({task_label(task) + ", " + metric_label(data.metric_of(task)), true});
    table.columns.push_back({"paper", true});
  }
  std::int64_t budget = -1;
  for (const auto& [key, by_task] : lines) {
    std::size_t depth = 0;
    for (const auto& [task, found] : by_task) depth = std::max(depth, found.size());
    for (std::size_t i = 0; i < depth; ++i) {
      const auto& [parameters, sweep, targets, rank] = key;
      std::vector<ShownCell> row{parameters == budget ? "" : grouped(parameters), targets.second,
                                 grouped(rank)};
      if (data.several_sweeps()) row.emplace_back(sweep);
      budget = parameters;
      for (const std::string& task : tasks) {
        const auto found = by_task.find(task);
        const ScoreFinding* const score =
            found != by_task.end() && i < found->second.size() ? found->second[i] : nullptr;
        const PublishedNumber* printed = nullptr;
        for (const PublishedNumber* number : published_scores("table5", task, data.metric_of(task)))
          if (published_setting(*number, "targets") == targets.second &&
              published_setting(*number, "rank") == std::to_string(rank))
            printed = number;
        row.push_back(cells.measured(score));
        row.push_back(paper_cell(printed));
        if (score != nullptr) table.data.rows.push_back(score_row(task, score, printed));
      }
      table.rows.push_back(std::move(row));
    }
  }
  table.caption =
      "LoRA at one budget of trainable parameters, spent on few matrices at a high rank or on many "
      "at "
      "a low one. " +
      cells.caption() + " The paper's budget is 18 M.";
  return table;
}

}  // namespace

TableSet matrix_tables(ReportData& data) {
  return for_each_base(
      data,
      "Not run: no two sets of weight matrices were adapted with LoRA at one budget of "
      "parameters (experiments/paper/table5.yaml does).",
      [&](const std::string& base) { return matrices_on(data, base); });
}

}  // namespace rankscope
