// Table 5 of the paper.
#include <algorithm>
#include <map>
#include <set>

#include "common/natural_order.h"
#include "plots/format.h"
#include "plots/report_data.h"
#include "plots/tables/makers.h"
#include "plots/tables/score_cells.h"

namespace rankscope {

namespace {

// Budget, sweep, targets, rank, parameters, and what else tells a configuration apart: two of one
// line differ in their task alone.
using Key = std::tuple<std::int64_t, std::string, std::pair<int, std::string>, std::int64_t,
                       std::int64_t, std::string>;

// What a group of a sweep file spends on each of several sets of matrices, one rank each: where
// heads share keys and values no ranks give the same number for all, and the largest stands for it.
class Budgets {
 public:
  Budgets(const ReportData& data, const std::string& base) {
    for (const ScoreFinding* s : data.scores())
      if (s->base == base && s->method == "lora" && s->rank && s->parameters)
        groups_[{s->sweep, s->group}][s->targets].insert({*s->parameters, *s->rank});
  }

  std::int64_t of(const ScoreFinding& s) const {
    constexpr std::int64_t kMostOverLeast = 2;  // or else they were not meant to be one
    std::int64_t least = *s.parameters, most = *s.parameters;
    bool one_rank = true;  // given, and no budget
    for (const auto& [targets, sizes] : groups_.at({s.sweep, s.group})) {
      if (sizes.size() > 1) return *s.parameters;
      least = std::min(least, sizes.begin()->first);
      most = std::max(most, sizes.begin()->first);
      one_rank = one_rank && sizes.begin()->second == *s.rank;
    }
    return most < kMostOverLeast * least && !one_rank ? most : *s.parameters;
  }

 private:
  using Sizes = std::set<std::pair<std::int64_t, std::int64_t>>;  // parameters and rank
  std::map<std::pair<std::string, std::string>, std::map<std::string, Sizes>> groups_;
};

std::optional<Table> matrices_on(const ReportData& data, const std::string& base) {
  const Budgets budgets(data, base);
  std::map<Key, std::vector<const ScoreFinding*>> lines;
  std::map<std::pair<std::int64_t, std::string>, std::set<std::string>> of_budget;
  for (const ScoreFinding* s : data.scores()) {
    if (s->base != base || s->method != "lora" || !s->rank || !s->parameters) continue;
    const std::int64_t budget = budgets.of(*s);
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
        if (published_setting(*number, "targets") == targets.second &&
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
