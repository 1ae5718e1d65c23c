// Table 7 of the paper.
#include <fmt/format.h>

#include <array>
#include <limits>

#include "plots/adapters.h"
#include "plots/format.h"
#include "plots/tables/makers.h"
#include "results/cells.h"

namespace rankscope {

namespace {

constexpr std::array<const char*, 7> kQuantities{
    "projected",   "projected_weight", "projected_random", "update_norm",
    "weight_norm", "amplification",    "relative"};

// What the paper prints; kNone where it prints nothing.
std::string printed(const std::string& rank, const std::string& matrix,
                    const std::string& directions, const std::string& metric) {
  for (const PublishedNumber& n : published_numbers())
    if (n.source == "table7" && n.metric == metric && published_setting(n, "rank") == rank &&
        published_setting(n, "matrix") == matrix &&
        published_setting(n, "directions") == directions)
      return n.printed;
  return std::string(kNone);
}

void add_paper_rows(Table& table) {
  for (const std::string rank : {"4", "64"}) {
    std::vector<ShownCell> row{"paper",
                               "GPT-3",
                               "Wq",
                               "48",
                               rank,
                               printed(rank, "Wq", "dWq", "frobenius"),
                               printed(rank, "Wq", "Wq", "frobenius"),
                               printed(rank, "Wq", "random", "frobenius"),
                               printed(rank, "dWq", "", "frobenius"),
                               printed("", "Wq", "", "frobenius"),
                               printed(rank, "Wq", "dWq", "amplification"),
                               std::string(kNone),
                               "1"};
    for (ShownCell& cell : row) cell.style = CellStyle::kPaper;
    table.rows.push_back(std::move(row));
  }
}

}  // namespace

TableSet amplification_tables(ReportData& data) {
  Table table{.name = "table7",
              .title = "What of W lies in an update's directions",
              .caption = {},
              .answers = "Table 7",
              .columns = {{"task"},
                          {"matrices"},
                          {"site"},
                          {"layer", true},
                          {"rank", true},
                          {"of ΔW", true},
                          {"of W", true},
                          {"random", true},
                          {"‖ΔW‖", true},
                          {"‖W‖", true},
                          {"amplification", true},
                          {"over random's", true},
                          {"n", true}},
              .rows = {},
              .data = {}};
  table.data.columns = {"sweep", "task", "targets", "variant", "site", "layer", "rank", "n"};
  std::string means;
  for (const char* quantity : kQuantities) {
    table.data.columns.emplace_back(quantity);
    // Factors are averaged as factors: one near 0/0 would else outweigh the rest.
    const bool factor =
        std::string_view(quantity) == "amplification" || std::string_view(quantity) == "relative";
    means +=
        factor ? fmt::format(", exp(avg(ln({})))", quantity) : fmt::format(", avg({})", quantity);
  }
  constexpr std::size_t kAllVariants = std::numeric_limits<std::size_t>::max();
  const ShownGroups groups = choose_groups(
      data,
      with_any_of(data, "SELECT DISTINCT sweep, trial FROM amplifications WHERE amplification > 0"),
      kAllVariants);
  const auto add_rows = [&](const AdapterGroup& group, bool is_shown) {
    const std::vector<Row> rows =
        data.rows("SELECT site, layer, rank, count(*)" + means +
                      " FROM amplifications WHERE sweep = ? AND instr(?, ' ' || trial || ' ') > 0 "
                      "AND amplification > 0 GROUP BY site, layer, rank ORDER BY site, layer, rank",
                  {group.sweep, group.trials_text()});
    for (const Row& row : rows) {
      Row exact{group.sweep, group.task, group.targets, group.variant};
      exact.insert(exact.end(), row.begin(), row.end());
      table.data.rows.push_back(std::move(exact));
      if (!is_shown || integer_in(row[1]) != group.middle_layer()) continue;
      std::vector<ShownCell> shown{task_on_base(group), matrices_label(group), text_in(row[0]),
                                   grouped(integer_in(row[1])), grouped(integer_in(row[2]))};
      for (std::size_t i = 0; i < kQuantities.size(); ++i)
        shown.emplace_back(short_number(number_in(row[4 + i])));
      shown.emplace_back(grouped(integer_in(row[3])));
      table.rows.push_back(std::move(shown));
    }
  };
  for (const AdapterGroup& group : groups.shown) add_rows(group, true);
  for (const AdapterGroup& group : groups.left_out) add_rows(group, false);
  if (table.rows.empty())
    return {{},
            "Not run: no adapter here was analysed against its base (`analysis:` in a sweep file "
            "asks for it)."};
  add_paper_rows(table);
  table.caption =
      "Frobenius norms of U'WV with U, V the singular vectors of the update ΔW, of W, and of "
      "random matrices of "
      "that rank; amplification is ‖ΔW‖ over the first. It grows by itself as the rank falls, so "
      "“over random's” "
      "divides it by the amplification of random subspaces of the same rank: below 1, W holds more "
      "in the update's "
      "directions than in random ones. Means over the n adapters whose amplification is defined "
      "(an "
      "update of zero has none), of the two factors geometric ones, "
      "at the middle one of the layers that were analysed (counted from 0); all layers are in the "
      "CSV. The paper shows layer 48 of 96 of GPT-3." +
      left_out_settings(groups, "the CSV");
  return {{std::move(table)}, {}};
}

}  // namespace rankscope
