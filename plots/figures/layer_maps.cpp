// What each layer and site learned: appendix G's similarity and the rank that an update has in
// effect.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "plots/adapters.h"
#include "plots/figures/makers.h"
#include "plots/format.h"
#include "plots/heat_map.h"
#include "results/cells.h"

namespace rankscope {

namespace {

// By layer and site, the mean over adapters or pairs.
class PlaceMeans {
 public:
  void add(std::int64_t layer, const std::string& site, std::optional<double> value) {
    if (!value) return;
    Sum& sum = sums_[{layer, site}];
    sum.total += *value;
    ++sum.count;
  }
  bool empty() const { return sums_.empty(); }
  // 0 where there is none.
  double largest() const {
    double most = 0;
    for (const auto& [place, sum] : sums_)
      most = std::max(most, sum.total / static_cast<double>(sum.count));
    return most;
  }

  HeatPanel panel(const std::string& title, const AdapterGroup& group) const {
    HeatPanel panel{.title = title,
                    .rows = std::ssize(group.layers),
                    .cols = std::ssize(group.sites),
                    .values = {},
                    .more = {}};
    for (const std::int64_t layer : group.layers) {
      for (const std::string& site : group.sites) {
        const auto found = sums_.find({layer, site});
        const bool there = found != sums_.end();
        panel.values.push_back(there
                                   ? found->second.total / static_cast<double>(found->second.count)
                                   : std::numeric_limits<double>::quiet_NaN());
        panel.more.push_back({layer, site, there ? found->second.count : 0});
      }
    }
    return panel;
  }

 private:
  struct Sum {
    double total = 0;
    std::int64_t count = 0;
  };
  std::map<std::pair<std::int64_t, std::string>, Sum> sums_;
};

Figure map_of(std::vector<HeatPanel> panels, const AdapterGroup& group, double end,
              const char* scale, int decimals) {
  HeatMap map;
  map.columns = panels.size();
  map.panels = std::move(panels);
  map.high = end;
  map.x_label = "site";
  map.y_label = "layer";
  map.scale_label = scale;
  map.column_names = group.sites;
  // Where there are many, names would lie on each other.
  constexpr std::size_t kMostNamed = 16;
  const std::size_t step = (group.layers.size() + kMostNamed - 1) / kMostNamed;
  for (std::size_t i = 0; i < group.layers.size(); ++i)
    map.row_names.push_back(i % step == 0 ? std::to_string(group.layers[i]) : "");
  map.written_decimals =
      group.layers.size() <= kMostNamed && group.sites.size() <= 6 ? decimals : -1;
  map.panel_width = 240;
  map.panel_height = std::clamp<int>(static_cast<int>(group.layers.size()) * 24, 100, 420);
  map.more_columns = {"layer", "site", "averaged"};
  Figure figure;
  draw_heat_map(map, figure);
  return figure;
}

std::optional<Figure> rank_map(ReportData& data, const AdapterGroup& group) {
  std::map<std::string, PlaceMeans> means;
  for (const Row& row :
       data.rows("SELECT DISTINCT trial, layer, site, quantity, value FROM adapter_values WHERE "
                 "sweep = ? AND instr(?, ' ' || trial || ' ') > 0 AND rank = ? AND "
                 "quantity IN ('effective_rank', 'stable_rank')",
                 {group.sweep, group.trials_text(), group.largest_rank()}))
    means[text_in(row[3])].add(integer_in(row[1]).value_or(0), text_in(row[2]), number_in(row[4]));
  if (means.empty()) return std::nullopt;
  double end = static_cast<double>(std::max<std::int64_t>(group.largest_rank(), 1));
  for (const auto& [quantity, of_quantity] : means) end = std::max(end, of_quantity.largest());
  Figure figure = map_of({means["effective_rank"].panel("effective rank (entropy)", group),
                          means["stable_rank"].panel("stable rank", group)},
                         group, end, "of dW", 1);
  figure.name = "layer_map_ranks";
  figure.title = fmt::format("Effective rank of the update, rank {} given: {}",
                             group.largest_rank(), group_label(group));
  figure.caption =
      "How many directions each update uses: the exponential of the entropy of its singular "
      "values' shares in their sum, and its "
      "squared Frobenius over its squared spectral norm; means over adapters. The scale ends at "
      "the rank that it "
      "was given, or at the largest value where that is more. Grey: undefined or not there." +
      pissa_ranks({&group, 1});
  return figure;
}

std::optional<Figure> sharing_map(ReportData& data, const AdapterGroup& group) {
  PlaceMeans excess, metric;
  for (const PhiKey& key : phi_keys(data, group, "seeds")) {
    if (key.directions != "a" || key.rank_one != group.largest_rank()) continue;
    excess.add(key.layer, key.site, key.mean_excess);
    if (key.projection_metric)
      metric.add(key.layer, key.site,
                 *key.projection_metric / std::sqrt(static_cast<double>(key.rank_one)));
  }
  if (excess.empty() || metric.empty()) return std::nullopt;
  Figure figure = map_of({excess.panel("mean excess of phi", group),
                          metric.panel("projection metric / sqrt(r)", group)},
                         group, 1.0, "between seeds", 2);
  figure.name = "layer_map_sharing";
  figure.title =
      fmt::format("What two seeds share, rank {}: {}", group.largest_rank(), group_label(group));
  figure.answers = "Appendix G";
  figure.caption =
      "Means over pairs of seeds. Left: (phi − chance)/(1 − chance), averaged over all i and j: 0 "
      "as random, 1 the same "
      "directions. Right: the projection metric between the whole subspaces over the square root "
      "of the rank: 0 the "
      "same subspace, 1 orthogonal. Bright at the left and dark at the right is where training "
      "finds the same "
      "directions whatever the seed. Grey: undefined or not there.";
  return figure;
}

// Of each base and task the group with the most sites, so that the map is whole.
ShownGroups add_maps(ReportData& data, const std::string& adapters, const std::string& view,
                     std::optional<Figure> (*map)(ReportData&, const AdapterGroup&),
                     FigureSet& set) {
  const GroupChoice can_be_drawn = with_any_of(data, adapters);
  ShownGroups groups = choose_groups(
      data,
      [&](const AdapterGroup& group) -> std::optional<std::int64_t> {
        return can_be_drawn(group) ? std::optional(std::ssize(group.sites)) : std::nullopt;
      },
      1);
  const std::size_t before = set.figures.size();
  for (const AdapterGroup& group : groups.shown)
    if (std::optional<Figure> figure = map(data, group)) set.figures.push_back(std::move(*figure));
  if (set.figures.size() > before) set.figures.back().caption += left_out_settings(groups, view);
  return groups;
}

}  // namespace

FigureSet layer_map_figures(ReportData& data) {
  constexpr const char* kValues = "the view adapter_values";
  constexpr const char* kPairs = "the view similarities";
  FigureSet set;
  const ShownGroups ranks = add_maps(
      data,
      "SELECT DISTINCT sweep, trial FROM adapter_values WHERE quantity IN ('effective_rank', "
      "'stable_rank') AND value IS NOT NULL",
      kValues, &rank_map, set);
  const ShownGroups sharing = add_maps(
      data,
      "SELECT DISTINCT sweep, one FROM similarities WHERE relation = 'seeds' AND directions = "
      "'a' AND mean_excess IS NOT NULL",
      kPairs, &sharing_map, set);
  if (set.figures.empty())
    set.missing =
        why_none(ranks, kValues, why_none(sharing, kPairs, "Not run: no adapter was analysed."));
  return set;
}

}  // namespace rankscope
