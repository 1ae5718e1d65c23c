// Table 7 of the paper.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>

#include "plots/adapters.h"
#include "plots/format.h"
#include "plots/tables/makers.h"
#include "results/cells.h"

namespace rankscope {

namespace {

constexpr std::array<const char*, 7> kQuantities{
    "projected",   "projected_weight", "projected_random", "update_norm",
    "weight_norm", "amplification",    "relative"};

using Quantities = std::array<std::optional<double>, kQuantities.size()>;
// Site, layer, rank; no rank where each site has its own.
using Place = std::tuple<std::string, std::int64_t, std::optional<std::int64_t>>;

// Of each adapter by sweep and trial, where its amplification is defined. Read once for all groups:
// the view adds up all that the database holds.
using Amplified = std::map<std::pair<std::string, std::string>, std::map<Place, Quantities>>;
Amplified amplified_adapters(ReportData& data) {
  Amplified all;
  for (const Row& row : data.rows(fmt::format(
           "SELECT sweep, trial, site, layer, rank, {} FROM amplifications WHERE amplification > 0",
           fmt::join(kQuantities, ", ")))) {
    Quantities& quantities = all[{text_in(row[0]), text_in(row[1])}][{
        text_in(row[2]), integer_in(row[3]).value_or(0), integer_in(row[4])}];
    for (std::size_t i = 0; i < quantities.size(); ++i) quantities[i] = number_in(row[5 + i]);
  }
  return all;
}

// Factors are averaged as factors: one near 0/0 would else outweigh the rest.
bool is_factor(std::string_view quantity) {
  return quantity == "amplification" || quantity == "relative";
}

// Over the adapters that have the quantity; none where none has.
class QuantityMeans {
 public:
  void add(const Quantities& quantities) {
    ++adapters_;
    for (std::size_t i = 0; i < quantities.size(); ++i) {
      const bool factor = is_factor(kQuantities[i]);
      if (!quantities[i] || (factor && *quantities[i] <= 0)) continue;
      sums_[i] += factor ? std::log(*quantities[i]) : *quantities[i];
      ++counts_[i];
    }
  }
  std::int64_t adapters() const { return adapters_; }
  std::optional<double> of(std::size_t i) const {
    if (counts_[i] == 0) return std::nullopt;
    const double mean = sums_[i] / static_cast<double>(counts_[i]);
    return is_factor(kQuantities[i]) ? std::exp(mean) : mean;
  }

 private:
  std::int64_t adapters_ = 0;
  std::array<double, kQuantities.size()> sums_{};
  std::array<std::int64_t, kQuantities.size()> counts_{};
};

// Of the paper; null where it has none.
const PublishedNumber* published_of(const std::string& rank, const std::string& matrix,
                                    const std::string& directions, const std::string& metric) {
  const auto numbers = published_numbers();
  const auto found = std::ranges::find_if(numbers, [&](const PublishedNumber& n) {
    return n.source == "table7" && n.metric == metric && published_setting(n, "rank") == rank &&
           published_setting(n, "matrix") == matrix &&
           published_setting(n, "directions") == directions;
  });
  return found == numbers.end() ? nullptr : &*found;
}

void add_paper_rows(Table& table) {
  constexpr std::int64_t kLayer = 48;
  for (const std::int64_t of_rank : {4, 64}) {
    const std::string rank = std::to_string(of_rank);
    // In the order of kQuantities, which the paper has no last one of.
    const std::array<const PublishedNumber*, kQuantities.size()> numbers{
        published_of(rank, "Wq", "dWq", "frobenius"),
        published_of(rank, "Wq", "Wq", "frobenius"),
        published_of(rank, "Wq", "random", "frobenius"),
        published_of(rank, "dWq", "", "frobenius"),
        published_of("", "Wq", "", "frobenius"),
        published_of(rank, "Wq", "dWq", "amplification"),
        nullptr};
    std::vector<ShownCell> row{"paper", "GPT-3", "Wq", grouped(kLayer), rank};
    Row exact{"", "", "", "", "Wq", kLayer, of_rank, Cell()};
    for (const PublishedNumber* number : numbers) {
      row.emplace_back(number == nullptr ? std::string(kNone) : number->printed);
      exact.push_back(number == nullptr ? Cell() : cell_of(number->value));
    }
    row.emplace_back(std::string(kNone));
    exact.emplace_back("paper");
    for (ShownCell& cell : row) cell.style = CellStyle::kPaper;
    table.rows.push_back(std::move(row));
    table.data.rows.push_back(std::move(exact));
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
  for (const char* quantity : kQuantities) table.data.columns.emplace_back(quantity);
  table.data.columns.emplace_back("source");
  constexpr std::size_t kAllVariants = std::numeric_limits<std::size_t>::max();
  const Amplified amplified = amplified_adapters(data);
  const auto has_any = [&](const AdapterGroup& group) -> std::optional<std::int64_t> {
    for (const std::string& trial : group.trials)
      if (amplified.contains({group.sweep, trial})) return 1;
    return std::nullopt;
  };
  const ShownGroups groups = choose_groups(data, has_any, kAllVariants);
  const auto add_rows = [&](const AdapterGroup& group, bool is_shown) {
    std::map<Place, QuantityMeans> means;
    for (const std::string& trial : group.trials)
      if (const auto found = amplified.find({group.sweep, trial}); found != amplified.end())
        for (const auto& [place, quantities] : found->second) means[place].add(quantities);
    for (const auto& [place, mean] : means) {
      const auto& [site, layer, rank] = place;
      Row exact{group.sweep, group.task, group.targets, group.variant,
                site,        layer,      cell_of(rank), mean.adapters()};
      std::vector<ShownCell> shown{task_on_base(group), matrices_label(group), site, grouped(layer),
                                   grouped(rank)};
      for (std::size_t i = 0; i < kQuantities.size(); ++i) {
        exact.push_back(cell_of(mean.of(i)));
        shown.emplace_back(short_number(mean.of(i)));
      }
      shown.emplace_back(grouped(mean.adapters()));
      exact.emplace_back("measured");
      table.data.rows.push_back(std::move(exact));
      if (is_shown && layer == group.middle_layer()) table.rows.push_back(std::move(shown));
    }
  };
  for (const AdapterGroup& group : groups.shown) add_rows(group, true);
  for (const AdapterGroup& group : groups.left_out) add_rows(group, false);
  if (table.rows.empty())
    return {{},
            why_none(groups, "the view amplifications",
                     "Not run: no adapter here was analysed against its base (`analysis:` in a "
                     "sweep file asks for it).")};
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
      "CSV. The paper shows layer 48 of 96 of GPT-3; of how many adapters it does not say, and "
      "both "
      "its amplifications are quotients of the norms that it prints: its text has “as large as 20” "
      "and “around 2”." +
      pissa_ranks(groups.shown) + left_out_settings(groups, "the CSV");
  return {{std::move(table)}, {}};
}

}  // namespace rankscope
