#include <fmt/format.h>

#include <map>

#include "plots/format.h"
#include "plots/report_data.h"
#include "plots/tables/makers.h"
#include "results/cells.h"

namespace rankscope {

TableSet failure_tables(ReportData& data) {
  const std::vector<Row> rows = data.rows(
      "SELECT sweep, trial, state, role, method, task, targets, rank, seed, diverged_at, "
      "last_finite_loss, attempts, "
      "setting, error FROM trials WHERE state IN ('failed', 'diverged') ORDER BY state DESC, "
      "sweep, task, "
      "method, targets, rank, "
      "seed, trial");
  if (rows.empty()) return {{}, "No trial failed or diverged.", true};
  Table table{
      .name = "failures",
      .title = "What failed or diverged",
      .caption = {},
      .answers = {},
      .columns =
          {{"trial"}, {"configuration"}, {"task"}, {"seed", true}, {"how it ended"}, {"error"}},
      .rows = {},
      .data = {{"sweep", "trial", "state", "role", "method", "task", "targets", "rank", "seed",
                "diverged_at", "last_finite_loss", "attempts", "setting", "error"},
               rows}};
  std::map<std::pair<std::string, std::string>, std::string> sizes = trial_sizes(data);
  constexpr std::size_t kMostRows = 40;
  for (const Row& row : rows) {
    if (table.rows.size() == kMostRows) break;
    const ScoreFinding* const score = data.score_of(text_in(row[0]), text_in(row[12]));
    std::string configuration = configuration_label(
        text_in(row[4]), text_in(row[6]), integer_in(row[7]),
        score != nullptr ? told_apart(*score) : sizes[{text_in(row[0]), text_in(row[1])}]);
    if (text_in(row[3]) == "tuning") configuration += " (tuning)";
    std::string end = text_in(row[2]);
    if (const auto step = integer_in(row[9])) end += " at step " + grouped(*step);
    const auto attempts = integer_in(row[11]).value_or(0);
    if (end == "failed" && attempts > 0) end += " after " + counted(attempts, "attempt");
    table.rows.push_back({{text_in(row[1]), CellStyle::kCode},
                          configuration,
                          task_label(text_in(row[5])),
                          grouped(integer_in(row[8])),
                          end,
                          text_in(row[13])});
  }
  table.caption =
      "A diverged trial counts with its base's score; a failed one is missing from the means.";
  if (rows.size() > kMostRows)
    table.caption +=
        fmt::format(" The first {} of {}; all are in the CSV.", kMostRows, rows.size());
  return {{std::move(table)}, {}};
}

TableSet undefined_tables(ReportData& data) {
  const std::vector<Row> rows = data.rows(
      "SELECT quantity, reason, count(*), count(DISTINCT trial) FROM adapter_values WHERE reason "
      "<> '' GROUP BY 1, 2 "
      "UNION ALL SELECT 'phi, ' || relation, reason, count(*), count(DISTINCT one) FROM "
      "similarities WHERE reason <> '' "
      "GROUP BY 1, 2 ORDER BY 1, 2");
  if (rows.empty())
    return {{}, "The analysis met nothing that it could not define, or was not run.", true};
  Table table{.name = "undefined",
              .title = "What the analysis could not define",
              .caption = {},
              .answers = {},
              .columns = {{"quantity"}, {"reason"}, {"times", true}, {"adapters", true}},
              .rows = {},
              .data = {{"quantity", "reason", "times", "adapters"}, rows}};
  constexpr std::size_t kMostRows = 40;
  for (const Row& row : rows) {
    if (table.rows.size() == kMostRows) break;
    table.rows.push_back({text_in(row[0]), text_in(row[1]), grouped(integer_in(row[2])),
                          grouped(integer_in(row[3]))});
  }
  table.caption = "Such values are missing in tables and figures and are no numbers.";
  if (rows.size() > kMostRows)
    table.caption +=
        fmt::format(" The first {} of {}; all are in the CSV.", kMostRows, rows.size());
  return {{std::move(table)}, {}};
}

}  // namespace rankscope
