#include <fmt/format.h>

#include "plots/format.h"
#include "plots/report_data.h"
#include "plots/tables/makers.h"
#include "results/cells.h"

namespace rankscope {

TableSet trial_tables(ReportData& data) {
  Table table{.name = "trials",
              .title = "What was run",
              .caption = {},
              .answers = {},
              .columns = {{"sweep"}, {"base"}, {"role"}},
              .rows = {},
              .data = {}};
  table.caption =
      "Trials by how they ended. “tuning” trials chose learning rates and are never scored; "
      "a diverged trial counts as its base's score.";
  for (const char* state : {"done", "diverged", "failed", "pending or running", "all"})
    table.columns.push_back({state, true});
  table.data.columns = {"sweep", "base", "role", "done", "diverged", "failed", "pending", "trials"};
  for (const SweepFacts& sweep : data.sweeps()) {
    const std::vector<Row> roles = data.rows(
        "SELECT role, sum(state = 'done'), sum(state = 'diverged'), sum(state = 'failed'), "
        "sum(state = 'pending'), count(*) FROM trials WHERE sweep = ? "
        "GROUP BY role ORDER BY role",
        {sweep.sweep});
    for (const Row& row : roles) {
      std::vector<ShownCell> shown{sweep.sweep, sweep.base, text_in(row[0])};
      Row exact{sweep.sweep, sweep.base};
      exact.insert(exact.end(), row.begin(), row.end());
      for (std::size_t i = 1; i < row.size(); ++i) {
        const std::int64_t count = integer_in(row[i]).value_or(0);
        shown.push_back({grouped(count), count == 0 ? CellStyle::kQuiet : CellStyle::kPlain});
      }
      table.rows.push_back(std::move(shown));
      table.data.rows.push_back(std::move(exact));
    }
  }
  if (table.rows.empty()) return {{}, "The sweep has no trials yet."};
  return {{std::move(table)}, {}};
}

}  // namespace rankscope
