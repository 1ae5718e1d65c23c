#include "plots/figures/phi_panels.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "plots/chance.h"

namespace rankscope {

namespace {

constexpr const char* kPhi = "phi(i, j)";

double largest_in(const std::vector<HeatPanel>& panels) {
  double largest = 0;
  for (const HeatPanel& panel : panels)
    for (const double value : panel.values)
      if (!std::isnan(value)) largest = std::max(largest, value);
  return largest;
}

// The scale's end: the next tenth, so that faint structure is seen and a scale is not chosen to
// hide it.
double scale_end(const std::vector<HeatPanel>& panels) {
  return std::clamp(std::ceil(10 * largest_in(panels) - 1e-9) / 10, 0.1, 1.0);
}

}  // namespace

PhiPairs::PhiPairs(ReportData& data, const AdapterGroup& group, const std::string& relation)
    : data_(data),
      keys_(phi_keys(data, group, relation)),
      shuffled_(phi_keys(data, group, relation, true)) {}

std::optional<PhiMean> PhiPairs::mean(const std::string& site, std::int64_t layer,
                                      const std::string& directions, std::int64_t rank_one,
                                      std::optional<std::int64_t> rank_other) const {
  return mean_of(keys_, site, layer, directions, rank_one, rank_other);
}

std::optional<PhiMean> PhiPairs::shuffled(const std::string& site, std::int64_t layer,
                                          std::int64_t rank_one, std::int64_t rank_other) const {
  return mean_of(shuffled_, site, layer, "a", rank_one, rank_other);
}

std::optional<PhiMean> PhiPairs::mean_of(const std::vector<PhiKey>& keys, const std::string& site,
                                         std::int64_t layer, const std::string& directions,
                                         std::int64_t rank_one,
                                         std::optional<std::int64_t> rank_other) const {
  std::vector<PhiKey> chosen;
  std::ranges::copy_if(keys, std::back_inserter(chosen), [&](const PhiKey& k) {
    return k.site == site && k.layer == layer && k.directions == directions &&
           k.rank_one == rank_one && k.rank_other == rank_other;
  });
  return mean_phi(data_, chosen);
}

HeatPanel phi_panel(const std::string& title, const std::optional<PhiMean>& mean,
                    ReportData& data) {
  HeatPanel panel{.title = title, .rows = 0, .cols = 0, .values = {}, .more = {}};
  if (!mean) return panel;
  panel.rows = mean->rows;
  panel.cols = mean->cols;
  panel.values = mean->values;
  const std::vector<double> chance = chance_phi(*mean);
  const PhiBand band = chance_band_of(data, *mean);
  const auto bound = [](const std::vector<double>& bounds, std::size_t i) {
    return bounds.empty() ? Cell() : Cell(bounds[i]);
  };
  for (std::size_t i = 0; i < panel.values.size(); ++i)
    panel.more.push_back({chance[i], bound(band.low, i), bound(band.high, i), mean->pairs});
  return panel;
}

HeatPanel chance_panel(const PhiMean& like, ReportData& data) {
  PhiMean chance = like;
  chance.values = chance_phi(like);
  chance.pairs = 0;
  return phi_panel("chance, max(i, j)/d", chance, data);
}

HeatMap phi_map(std::vector<HeatPanel> panels, std::size_t columns, const std::string& x,
                const std::string& y) {
  HeatMap map;
  map.high = scale_end(panels);
  map.panels = std::move(panels);
  map.columns = columns;
  map.x_label = x;
  map.y_label = y;
  map.scale_label = kPhi;
  map.more_columns = {"chance", "chance_low", "chance_high", "pairs"};
  return map;
}

// At most `most` of the layers, the first and the last among them.
std::vector<std::int64_t> some_layers(const std::vector<std::int64_t>& layers, std::size_t most) {
  if (layers.size() <= most) return layers;
  std::vector<std::int64_t> some;
  for (std::size_t i = 0; i < most; ++i)
    some.push_back(layers[i * (layers.size() - 1) / (most - 1)]);
  return some;
}

std::string pairs_text(const PhiMean& mean, const char* what) {
  return fmt::format("mean over {} (n = {}), d = {}", what, mean.pairs, mean.dimension);
}

}  // namespace rankscope
