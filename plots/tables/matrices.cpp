// Table 5 of the paper.
#include <algorithm>
#include <map>
#include <set>

#include "common/natural_order.h"
#include "plots/format.h"
#include "plots/rank_lines.h"
#include "plots/report_data.h"
#include "plots/tables/makers.h"
#include "plots/tables/score_cells.h"
#include "results/parameter_budgets.h"

namespace rankscope {

namespace {

// Budget, sweep, targets, rank, parameters, and what else tells a configuration apart: two of one
// line differ in their task alone.
using Key = std::tuple<std::int64_t, std::string, std::pair<int, std::string>, std::int64_t,
                       std::int64_t, std::string>;

bool has_rank_and_parameters(const ScoreFinding& s, const std::string& base) {
  return s.base == base && s.method == "lora" && s.rank && s.parameters;
}

ParameterBudgets::Spent spent_by(const ScoreFinding& s) {
  return {s.sweep, s.group, s.targets, *s.rank, *s.parameters};
}

std::optional<Table> matrices_on(const ReportData& data, const std::string& base) {
  ParameterBudgets budgets;
  for (const ScoreFinding* s : data.scores())
    if (has_rank_and_parameters(*s, base)) budgets.add(spent_by(*s));
  std::map<Key, std::vector<const ScoreFinding*>> lines;
  std::map<std::pair<std::int64_t, std::string>, std::set<std::string>> of_budget;
  for (const ScoreFinding* s : data.scores()) {
    if (!has_rank_and_parameters(*s, base)) continue;
    const std::int64_t budget = budgets.of(spent_by(*s));
    lines[{budget, s->sweep, targets_order(s->targets), *s->rank, *s->parameters,
           natural_key(told_apart(*s))}]
        .push_back(s);
    of_budget[{budget, s->sweep}].insert(s->targets);
  }
  std::erase_if(lines, [&](const auto& line) {
    return of_budget[{std::get<0>(line.first), std::get<1>(line.first)}].size() < 2;
  });
  if (lines.empty()) return std::nullopt;
  std::vector<const ScoreFinding*> scores;
  for (const auto& [key, line] : lines) scores.insert(scores.end(), line.begin(), line.end());
  std::vector<TaskMetric> columns = data.task_metrics();
  std::erase_if(columns, [&](const TaskMetric& c) { return score_in(scores, c) == nullptr; });

  const ScoreCells cells(scores);
  Table table{.name = "table5",
              .title = "Which weight matrices?",
              .caption = {},
              .answers = "Table 5",
              .columns = {{"parameters", true}, {"matrices"}, {"rank", true}},
              .rows = {},
              .data = {score_columns(), {}}};
  if (data.several_sweeps()) table.columns.push_back({"sweep"});
  for (const TaskMetric& column : columns) {
    table.columns.push_back({task_metric_label(column), true});
    table.columns.push_back({"paper", true});
  }
  std::int64_t shown = -1;
  for (const auto& [key, line] : lines) {
    const auto& [budget, sweep, targets, rank, parameters, apart] = key;
    const std::string variant = told_apart(*line.front());
    std::vector<ShownCell> row{parameters == shown ? "" : grouped(parameters),
                               targets.second + (variant.empty() ? "" : ", ") + variant,
                               grouped(rank)};
    if (data.several_sweeps()) row.emplace_back(sweep);
    shown = parameters;
    for (const TaskMetric& column : columns) {
      const PublishedNumber* printed = nullptr;
      for (const PublishedNumber* number : published_scores("table5", column))
        if (is_plain(line.front()->variant) &&
            published_setting(*number, "targets") == targets.second &&
            published_rank(*number) == rank)
          printed = number;
      row.push_back(cells.measured(line, column));
      row.push_back(paper_cell(printed));
      if (const ScoreFinding* const score = score_in(line, column))
        table.data.rows.push_back(score_row(column.task, score, printed));
    }
    table.rows.push_back(std::move(row));
  }
  table.caption =
      "LoRA at one budget of trainable parameters, spent on few matrices at a high rank or on many "
      "at "
      "a low one. " +
      cells.caption() + " The paper's budget is 18 M." + of_unknown_budget(data, base) +
      of_ranks_by_site(data, base, "table5");
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
