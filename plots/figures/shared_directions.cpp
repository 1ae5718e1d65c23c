// Figures 3, 4, 6, 7 and 8 of the paper: phi between adapters, beside what chance and
// initialisation give.
#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "plots/adapters.h"
#include "plots/figures/makers.h"
#include "plots/figures/phi_panels.h"
#include "plots/heat_map.h"

namespace rankscope {

namespace {

constexpr const char* kNotAnalysed =
    "Not run: no adapter here was set against another (`analysis:` in a sweep file asks for it).";

struct RankPair {
  std::int64_t one = 0, other = 0;
};

// Sites down, the trained adapters and their controls across.
std::optional<Figure> beside_controls(const PhiPairs& pairs, const AdapterGroup& group,
                                      RankPair ranks, const std::string& x, const std::string& y,
                                      std::string& counted_pairs, const char* what) {
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
              pairs.mean(site, layer, "initial", ranks.one, ranks.other),
              pairs.shuffled(site, layer, ranks.one)};
    if (!line.trained) continue;
    any_shuffled = any_shuffled || line.shuffled.has_value();
    counted_pairs = pairs_text(*line.trained, what);
    lines.push_back(std::move(line));
  }
  if (lines.empty()) return std::nullopt;
  std::vector<HeatPanel> panels;
  for (const Line& line : lines) {
    panels.push_back(phi_panel(line.site + ", trained", line.trained, data));
    panels.push_back(phi_panel(line.site + ", before training", line.initial, data));
    if (any_shuffled)
      panels.push_back(phi_panel(line.site + ", shuffled targets", line.shuffled, data));
    panels.push_back(chance_panel(*line.trained, data));
  }
  Figure figure;
  draw_heat_map(phi_map(std::move(panels), any_shuffled ? 4 : 3, x, y), figure);
  return figure;
}

// Layers across, and chance at the right; down the sites, then what the first of them gave before
// training.
std::optional<Figure> by_layer(const PhiPairs& pairs, const AdapterGroup& group, RankPair ranks,
                               const std::string& x, const std::string& y, std::string& left_out) {
  ReportData& data = pairs.data();
  constexpr std::size_t kMostLayers = 4;
  const std::vector<std::int64_t> layers = some_layers(group.layers, kMostLayers);
  std::vector<HeatPanel> panels;
  std::optional<PhiMean> any;
  const auto put = [&](const std::string& site, const std::string& directions, const char* what) {
    const bool first = panels.empty();
    for (const std::int64_t layer : layers) {
      const std::optional<PhiMean> mean =
          pairs.mean(site, layer, directions, ranks.one, ranks.other);
      if (mean && !any) any = mean;
      panels.push_back(phi_panel(fmt::format("{}{}, layer {}", site, what, layer), mean, data));
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

FigureSet for_each_group(ReportData& data, const std::string& name, const std::string& title,
                         const std::string& answers, const std::string& missing, const Draw& draw) {
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
    " “Before training” is the same of the A that each training began with: what is bright there "
    "too was not learned. "
    "Chance is the mean between random subspaces of these sizes in d dimensions; its 95 % band is "
    "in the CSV.";

}  // namespace

FigureSet between_ranks_figures(ReportData& data) {
  return for_each_group(data, "figure3", "Directions shared between ranks", "Figure 3",
                        "Not run: no two ranks of one seed were set against each other.",
                        [&](const AdapterGroup& group) {
                          const PhiPairs pairs(data, group, "ranks");
                          const std::optional<std::int64_t> small = group.small_rank();
                          if (pairs.empty() || !small) return std::optional<Figure>();
                          std::string counted_pairs;
                          std::optional<Figure> figure = beside_controls(
                              pairs, group, {*small, group.largest_rank()},
                              fmt::format("j, of rank {}", group.largest_rank()),
                              fmt::format("i, of rank {}", *small), counted_pairs, "seeds");
                          if (figure)
                            figure->caption =
                                fmt::format(
                                    "phi between the first i right-singular vectors of A at rank "
                                    "{} and the first j at rank {}, layer {} of {} "
                                    "(from 0), {}. In the paper the first row is bright, phi > "
                                    "0.5, and the rest near chance: only the top "
                                    "direction is shared.",
                                    *small, group.largest_rank(), group.middle_layer(),
                                    group.layers.size(), counted_pairs) +
                                kControls;
                          return figure;
                        });
}

FigureSet between_seeds_figures(ReportData& data) {
  return for_each_group(
      data, "figure4", "Directions shared between seeds", "Figure 4",
      "Not run: no two seeds of one setting were set against each other.",
      [&](const AdapterGroup& group) {
        const PhiPairs pairs(data, group, "seeds");
        if (pairs.empty()) return std::optional<Figure>();
        const std::int64_t rank = group.largest_rank();
        std::string counted_pairs;
        std::optional<Figure> figure =
            beside_controls(pairs, group, {rank, rank}, "j, of another seed", "i, of one seed",
                            counted_pairs, "pairs of seeds");
        if (figure)
          figure->caption = fmt::format(
                                "phi between the first i right-singular vectors of A of one seed "
                                "and the first j of another, rank {}, layer "
                                "{} of {} (from 0), {}. In the paper Wq is brighter than Wv, and "
                                "random matrices share nothing.",
                                rank, group.middle_layer(), group.layers.size(), counted_pairs) +
                            kControls;
        return figure;
      });
}

FigureSet between_ranks_layer_figures(ReportData& data) {
  return for_each_group(
      data, "figure6", "Directions shared between ranks, layer by layer", "Figure 6",
      "Not run: no two ranks of one seed were set against each other.",
      [&](const AdapterGroup& group) {
        const PhiPairs pairs(data, group, "ranks");
        const std::optional<std::int64_t> small = group.small_rank();
        if (pairs.empty() || !small) return std::optional<Figure>();
        std::string left_out;
        std::optional<Figure> figure = by_layer(pairs, group, {*small, group.largest_rank()},
                                                fmt::format("j, of rank {}", group.largest_rank()),
                                                fmt::format("i, of rank {}", *small), left_out);
        if (figure)
          figure->caption =
              "As Figure 3, at several layers: does its first bright row stand at each? The last "
              "row, "
              "what A gave before training, and chance are the controls." +
              left_out;
        return figure;
      });
}

FigureSet between_seeds_layer_figures(ReportData& data) {
  return for_each_group(
      data, "figure7", "Directions shared between seeds, layer by layer", "Figure 7",
      "Not run: no two seeds of one setting were set against each other.",
      [&](const AdapterGroup& group) {
        const PhiPairs pairs(data, group, "seeds");
        if (pairs.empty()) return std::optional<Figure>();
        const std::int64_t rank = group.largest_rank();
        std::string left_out;
        std::optional<Figure> figure =
            by_layer(pairs, group, {rank, rank}, "j, of another seed", "i, of one seed", left_out);
        if (figure)
          figure->caption =
              "As Figure 4, at several layers: is Wq brighter than Wv at each? The last row, what "
              "A gave before "
              "training, and chance are the controls." +
              left_out;
        return figure;
      });
}

FigureSet base_figures(ReportData& data) {
  return for_each_group(
      data, "figure8", "Directions of the update among those of W", "Figure 8",
      "Not run: no adapter was set against its base.",
      [&](const AdapterGroup& group) -> std::optional<Figure> {
        const PhiPairs pairs(data, group, "base");
        if (pairs.empty()) return std::nullopt;
        // As the paper: a small, a middle and the largest rank.
        std::vector<std::int64_t> ranks = group.ranks;
        while (ranks.size() > 3) ranks.erase(ranks.begin());
        std::vector<HeatPanel> panels;
        std::optional<PhiMean> last;
        for (const std::string& site : group.shown_sites()) {
          for (const std::int64_t rank : ranks) {
            std::optional<PhiMean> mean =
                pairs.mean(site, group.middle_layer(), "a", rank, std::nullopt);
            panels.push_back(phi_panel(fmt::format("{}, rank {}", site, rank), mean, data));
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
            "phi between the first i right-singular vectors of A and the first j of W (its leading "
            "tenth at least), layer {} "
            "of {} (from 0), {}. In the paper it barely exceeds 0.2 for the leading tenth of W at "
            "any rank: what is "
            "updated is not what W emphasises. To be read against chance, which grows with j.",
            group.middle_layer(), group.layers.size(), pairs_text(*last, "adapters"));
        return figure;
      });
}

}  // namespace rankscope
