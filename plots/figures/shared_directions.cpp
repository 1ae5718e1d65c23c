// Figures 3, 4, 6, 7 and 8 of the paper: phi between adapters, beside what chance and initialisation give.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "plots/adapters.h"
#include "plots/cells.h"
#include "plots/figures/makers.h"
#include "plots/format.h"
#include "plots/heat_map.h"

namespace rankscope {

namespace {

constexpr const char* kNotAnalysed =
    "Not run: no adapter here was set against another (`analysis:` in a sweep file asks for it).";
constexpr const char* kPhi = "phi(i, j)";

// The pairs that one figure is about.
class Pairs {
 public:
  Pairs(ReportData& data, const AdapterGroup& group, std::string relation)
      : data_(data), keys_(phi_keys(data, group, relation)), shuffled_(phi_keys(data, group, "shuffled")) {}

  bool empty() const { return keys_.empty(); }
  std::optional<PhiMean> mean(const std::string& site, std::int64_t layer, const std::string& directions,
                              std::int64_t rank_one, std::optional<std::int64_t> rank_other) const {
    return mean_of(keys_, site, layer, directions, rank_one, rank_other);
  }
  std::optional<PhiMean> shuffled(const std::string& site, std::int64_t layer, std::int64_t rank) const {
    return mean_of(shuffled_, site, layer, "a", rank, rank);
  }
  ReportData& data() const { return data_; }

 private:
  std::optional<PhiMean> mean_of(const std::vector<PhiKey>& keys, const std::string& site, std::int64_t layer,
                                 const std::string& directions, std::int64_t rank_one,
                                 std::optional<std::int64_t> rank_other) const {
    std::vector<PhiKey> chosen;
    std::ranges::copy_if(keys, std::back_inserter(chosen), [&](const PhiKey& k) {
      return k.site == site && k.layer == layer && k.directions == directions && k.rank_one == rank_one &&
             k.rank_other == rank_other;
    });
    return mean_phi(data_, chosen);
  }

  ReportData& data_;
  std::vector<PhiKey> keys_, shuffled_;
};

HeatPanel panel_of(const std::string& title, const std::optional<PhiMean>& mean, ReportData& data) {
  HeatPanel panel{.title = title, .rows = 0, .cols = 0, .values = {}, .more = {}};
  if (!mean) return panel;
  panel.rows = mean->rows;
  panel.cols = mean->cols;
  panel.values = mean->values;
  const std::vector<double> chance = chance_phi(*mean);
  const PhiBand band = chance_band_of(data, *mean);
  for (std::size_t i = 0; i < panel.values.size(); ++i)
    panel.more.push_back({chance[i], band.low.empty() ? Cell() : Cell(band.low[i]),
                          band.high.empty() ? Cell() : Cell(band.high[i]), mean->pairs});
  return panel;
}

HeatPanel chance_panel(const PhiMean& like, ReportData& data) {
  PhiMean chance = like;
  chance.values = chance_phi(like);
  chance.pairs = 0;
  return panel_of("chance, max(i, j)/d", chance, data);
}

double largest_in(const std::vector<HeatPanel>& panels) {
  double largest = 0;
  for (const HeatPanel& panel : panels)
    for (const double value : panel.values)
      if (!std::isnan(value)) largest = std::max(largest, value);
  return largest;
}

// The scale's end: the next tenth, so that faint structure is seen and a scale is not chosen to hide it.
double scale_end(const std::vector<HeatPanel>& panels) {
  return std::clamp(std::ceil(10 * largest_in(panels) - 1e-9) / 10, 0.1, 1.0);
}

HeatMap phi_map(std::vector<HeatPanel> panels, std::size_t columns, const std::string& x, const std::string& y) {
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
  for (std::size_t i = 0; i < most; ++i) some.push_back(layers[i * (layers.size() - 1) / (most - 1)]);
  return some;
}

std::string pairs_text(const PhiMean& mean, const char* what) {
  return fmt::format("mean over {} {}, d = {}", mean.pairs, what, mean.dimension);
}

struct RankPair {
  std::int64_t one = 0, other = 0;
};

// Sites down, the trained adapters and their controls across.
std::optional<Figure> beside_controls(const Pairs& pairs, const AdapterGroup& group, RankPair ranks,
                                      const std::string& x, const std::string& y, std::string& counted_pairs,
                                      const char* what) {
  ReportData& data = pairs.data();
  const std::int64_t layer = group.middle_layer();
  struct Line {
    std::string site;
    std::optional<PhiMean> trained, initial, shuffled;
  };
  std::vector<Line> lines;
  bool any_shuffled = false;
  for (const std::string& site : group.shown_sites()) {
    Line line{site, pairs.mean(site, layer, "a", ranks.one, ranks.other),
              pairs.mean(site, layer, "initial", ranks.one, ranks.other), pairs.shuffled(site, layer, ranks.one)};
    if (!line.trained) continue;
    any_shuffled = any_shuffled || line.shuffled.has_value();
    counted_pairs = pairs_text(*line.trained, what);
    lines.push_back(std::move(line));
  }
  if (lines.empty()) return std::nullopt;
  std::vector<HeatPanel> panels;
  for (const Line& line : lines) {
    panels.push_back(panel_of(line.site + ", trained", line.trained, data));
    panels.push_back(panel_of(line.site + ", before training", line.initial, data));
    if (any_shuffled) panels.push_back(panel_of(line.site + ", shuffled targets", line.shuffled, data));
    panels.push_back(chance_panel(*line.trained, data));
  }
  Figure figure;
  draw_heat_map(phi_map(std::move(panels), any_shuffled ? 4 : 3, x, y), figure);
  return figure;
}

// Layers across, and chance at the right; down the sites, then what the first of them gave before training.
std::optional<Figure> by_layer(const Pairs& pairs, const AdapterGroup& group, RankPair ranks, const std::string& x,
                               const std::string& y, std::string& left_out) {
  ReportData& data = pairs.data();
  constexpr std::size_t kMostLayers = 4;
  const std::vector<std::int64_t> layers = some_layers(group.layers, kMostLayers);
  std::vector<HeatPanel> panels;
  std::optional<PhiMean> any;
  const auto put = [&](const std::string& site, const std::string& directions, const char* what) {
    const bool first = panels.empty();
    for (const std::int64_t layer : layers) {
      const std::optional<PhiMean> mean = pairs.mean(site, layer, directions, ranks.one, ranks.other);
      if (mean && !any) any = mean;
      panels.push_back(panel_of(fmt::format("{}{}, layer {}", site, what, layer), mean, data));
    }
    panels.push_back(first && any ? chance_panel(*any, data) : HeatPanel());
  };
  for (const std::string& site : group.shown_sites()) put(site, "a", "");
  if (!any) return std::nullopt;
  put(group.shown_sites().front(), "initial", " untrained");
  if (group.layers.size() > layers.size())
    left_out = fmt::format(" {} of {} layers are drawn.", layers.size(), group.layers.size());
  HeatMap map = phi_map(std::move(panels), layers.size() + 1, x, y);
  map.panel_width = 128;
  map.panel_height = 110;
  Figure figure;
  draw_heat_map(map, figure);
  return figure;
}

using Draw = std::function<std::optional<Figure>(const AdapterGroup&)>;

FigureSet for_each_group(ReportData& data, const std::string& name, const std::string& title, const std::string& answers,
                         const std::string& missing, const Draw& draw) {
  FigureSet set;
  const std::vector<AdapterGroup> groups = shown_adapter_groups(data);
  for (const AdapterGroup& group : groups) {
    std::optional<Figure> figure = draw(group);
    if (!figure) continue;
    figure->name = set.figures.empty() ? name : fmt::format("{}_{}", name, set.figures.size() + 1);
    figure->title = title + ": " + group_label(group);
    figure->answers = answers;
    set.figures.push_back(std::move(*figure));
  }
  if (set.figures.empty()) set.missing = groups.empty() ? kNotAnalysed : missing;
  return set;
}

constexpr const char* kControls =
    " “Before training” is the same of the A that each training began with: what is bright there too was not learned. "
    "Chance is the mean between random subspaces of these sizes in d dimensions; its 95 % band is in the CSV.";

}  // namespace

FigureSet between_ranks_figures(ReportData& data) {
  return for_each_group(
      data, "figure3", "Directions shared between ranks", "Figure 3",
      "Not run: no two ranks of one seed were set against each other.", [&](const AdapterGroup& group) {
        const Pairs pairs(data, group, "ranks");
        const std::optional<std::int64_t> small = group.small_rank();
        if (pairs.empty() || !small) return std::optional<Figure>();
        std::string counted_pairs;
        std::optional<Figure> figure =
            beside_controls(pairs, group, {*small, group.largest_rank()},
                            fmt::format("j, of rank {}", group.largest_rank()), fmt::format("i, of rank {}", *small),
                            counted_pairs, "seeds");
        if (figure)
          figure->caption = fmt::format(
              "phi between the first i right-singular vectors of A at rank {} and the first j at rank {}, layer {} of {} "
              "(from 0), {}. In the paper the first row is bright, phi > 0.5, and the rest near chance: only the top "
              "direction is shared.", *small, group.largest_rank(), group.middle_layer(), group.layers.size(),
              counted_pairs) + kControls;
        return figure;
      });
}

FigureSet between_seeds_figures(ReportData& data) {
  return for_each_group(
      data, "figure4", "Directions shared between seeds", "Figure 4",
      "Not run: no two seeds of one setting were set against each other.", [&](const AdapterGroup& group) {
        const Pairs pairs(data, group, "seeds");
        if (pairs.empty()) return std::optional<Figure>();
        const std::int64_t rank = group.largest_rank();
        std::string counted_pairs;
        std::optional<Figure> figure = beside_controls(pairs, group, {rank, rank}, "j, of another seed",
                                                       "i, of one seed", counted_pairs, "pairs of seeds");
        if (figure)
          figure->caption = fmt::format(
              "phi between the first i right-singular vectors of A of one seed and the first j of another, rank {}, layer "
              "{} of {} (from 0), {}. In the paper Wq is brighter than Wv, and random matrices share nothing.", rank,
              group.middle_layer(), group.layers.size(), counted_pairs) + kControls;
        return figure;
      });
}

FigureSet between_ranks_layer_figures(ReportData& data) {
  return for_each_group(
      data, "figure6", "Directions shared between ranks, layer by layer", "Figure 6",
      "Not run: no two ranks of one seed were set against each other.", [&](const AdapterGroup& group) {
        const Pairs pairs(data, group, "ranks");
        const std::optional<std::int64_t> small = group.small_rank();
        if (pairs.empty() || !small) return std::optional<Figure>();
        std::string left_out;
        std::optional<Figure> figure =
            by_layer(pairs, group, {*small, group.largest_rank()}, fmt::format("j, of rank {}", group.largest_rank()),
                     fmt::format("i, of rank {}", *small), left_out);
        if (figure)
          figure->caption = "As Figure 3, at several layers: does its first bright row stand at each? The last row, "
                            "what A gave before training, and chance are the controls." + left_out;
        return figure;
      });
}

FigureSet between_seeds_layer_figures(ReportData& data) {
  return for_each_group(
      data, "figure7", "Directions shared between seeds, layer by layer", "Figure 7",
      "Not run: no two seeds of one setting were set against each other.", [&](const AdapterGroup& group) {
        const Pairs pairs(data, group, "seeds");
        if (pairs.empty()) return std::optional<Figure>();
        const std::int64_t rank = group.largest_rank();
        std::string left_out;
        std::optional<Figure> figure =
            by_layer(pairs, group, {rank, rank}, "j, of another seed", "i, of one seed", left_out);
        if (figure)
          figure->caption = "As Figure 4, at several layers: is Wq brighter than Wv at each? The last row, what A gave before "
                            "training, and chance are the controls." + left_out;
        return figure;
      });
}

FigureSet base_figures(ReportData& data) {
  return for_each_group(
      data, "figure8", "Directions of the update among those of W", "Figure 8",
      "Not run: no adapter was set against its base.", [&](const AdapterGroup& group) -> std::optional<Figure> {
        const Pairs pairs(data, group, "base");
        if (pairs.empty()) return std::nullopt;
        // As the paper: a small, a middle and the largest rank.
        std::vector<std::int64_t> ranks = group.ranks;
        while (ranks.size() > 3) ranks.erase(ranks.begin());
        std::vector<HeatPanel> panels;
        std::optional<PhiMean> last;
        for (const std::string& site : group.shown_sites()) {
          for (const std::int64_t rank : ranks) {
            std::optional<PhiMean> mean = pairs.mean(site, group.middle_layer(), "a", rank, std::nullopt);
            panels.push_back(panel_of(fmt::format("{}, rank {}", site, rank), mean, data));
            if (mean) last = std::move(mean);
          }
          if (!last) return std::nullopt;
          panels.push_back(chance_panel(*last, data));
        }
        HeatMap map = phi_map(std::move(panels), ranks.size() + 1, "j, of W", "i, of A");
        map.panel_width = 155;
        Figure figure;
        draw_heat_map(map, figure);
        figure.caption = fmt::format(
            "phi between the first i right-singular vectors of A and the first j of W (its leading tenth at least), layer {} "
            "of {} (from 0), {}. In the paper it barely exceeds 0.2 for the leading tenth of W at any rank: what is "
            "updated is not what W emphasises. To be read against chance, which grows with j.", group.middle_layer(),
            group.layers.size(), pairs_text(*last, "adapters"));
        return figure;
      });
}

}  // namespace rankscope
