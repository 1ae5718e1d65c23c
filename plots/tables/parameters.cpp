// Table 15 of the paper, whose points are its Figure 2.
#include <algorithm>
#include <set>

#include "plots/format.h"
#include "plots/report_data.h"
#include "plots/tables/makers.h"
#include "plots/tables/score_cells.h"

namespace rankscope {

namespace {

const PublishedNumber* printed_for(const ScoreFinding& s) {
  for (const PublishedNumber* number : published_scores("table15", shown_by(s)))
    if (number->method == s.method && is_of_setting(s, setting_of(*number))) return number;
  return nullptr;
}

std::optional<Table> parameters_on(const ReportData& data, const std::string& base) {
  std::vector<const ScoreFinding*> scores;
  std::set<std::int64_t> counts;
  for (const ScoreFinding* s : data.scores()) {
    if (s->base != base) continue;
    scores.push_back(s);
    if (s->parameters && *s->parameters > 0) counts.insert(*s->parameters);
  }
  if (counts.size() < 2) return std::nullopt;
  const ScoreCells cells(scores);
  Table table{.name = "table15",
              .title = "Scores and trainable parameters",
              .caption = {},
              .answers = "Table 15",
              .columns = {{"task"},
                          {"configuration"},
                          {"parameters", true},
                          {"trained on", true},
                          {"score", true},
                          {"paper", true},
                          {"paper's parameters", true}},
              .rows = {},
              .data = {score_columns(), {}}};
  if (data.several_sweeps()) table.columns.push_back({"sweep"});
  constexpr std::size_t kMostRows = 120;
  std::optional<TaskMetric> above;
  for (const ScoreFinding* s : scores) {
    const PublishedNumber* const printed = printed_for(*s);
    table.data.rows.push_back(score_row(s->task, s, printed));
    if (table.rows.size() == kMostRows) continue;
    table.rows.push_back({shown_by(*s) == above ? "" : task_metric_label(shown_by(*s)),
                          configuration_label(*s), grouped(s->parameters),
                          shown_examples(s->train_examples), cells.measured(s), paper_cell(printed),
                          printed == nullptr || !printed->parameters
                              ? ShownCell(std::string(kNone), CellStyle::kQuiet)
                              : ShownCell(short_count(*printed->parameters), CellStyle::kPaper)});
    if (data.several_sweeps()) table.rows.back().emplace_back(s->sweep);
    above = shown_by(*s);
  }
  // The paper's other rows are for the CSV: they have nothing measured beside them.
  for (const TaskMetric& each : data.task_metrics()) {
    for (const PublishedNumber* number : published_scores("table15", each)) {
      const bool beside = std::ranges::any_of(scores, [&](const ScoreFinding* s) {
        return shown_by(*s) == each && printed_for(*s) == number;
      });
      if (!beside) table.data.rows.push_back(score_row(each.task, nullptr, number));
    }
  }
  table.caption = cells.caption() +
                  " The paper's numbers are those of its Table 15 for the same method, matrices, "
                  "rank and size, where nothing but an alpha, of which it states none, tells the "
                  "configuration apart; its other rows are in the CSV and in Figure 2.";
  if (scores.size() > kMostRows)
    table.caption += " The first " + grouped(static_cast<std::int64_t>(kMostRows)) + " of " +
                     grouped(static_cast<std::int64_t>(scores.size())) +
                     " rows; all are in the CSV.";
  return table;
}

}  // namespace

TableSet parameter_tables(ReportData& data) {
  return for_each_base(
      data, "Not run: no two configurations with different numbers of trainable parameters.",
      [&](const std::string& base) { return parameters_on(data, base); });
}

}  // namespace rankscope
