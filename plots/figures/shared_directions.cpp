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

constexpr const char* kNotOfA =
    "Not run: the analysis was asked for other directions than those of A, which this figure shows "
    "(`directions: a` under `analysis:` in a sweep file asks for them).";

// Which adapters of a group a figure sets against one another: i is of `one`, j of `other`.
struct Comparison {
  PhiPairs pairs;
  std::int64_t rank_one = 0, rank_other = 0;
  std::string x, y;          // the axes' labels
  const char* counted = "";  // what its pairs are

  std::optional<PhiMean> mean(const std::string& site, std::int64_t layer,
                              const char* directions) const {
    return pairs.mean(site, layer, directions, rank_one, rank_other);
  }
};

std::optional<Comparison> between_ranks(ReportData& data, const AdapterGroup& group) {
  PhiPairs pairs(data, group, "ranks");
  const std::optional<std::int64_t> small = group.small_rank();
  if (pairs.empty() || !small) return std::nullopt;
  return Comparison{std::move(pairs),
                    *small,
                    group.largest_rank(),
                    fmt::format("j, of rank {}", group.largest_rank()),
                    fmt::format("i, of rank {}", *small),
                    "seeds"};
}

std::optional<Comparison> between_seeds(ReportData& data, const AdapterGroup& group) {
  PhiPairs pairs(data, group, "seeds");
  if (pairs.empty()) return std::nullopt;
  const std::int64_t rank = group.largest_rank();
  return Comparison{std::move(pairs), rank, rank, "j, of another seed", "i, of one seed",
                    "pairs of seeds"};
}

constexpr const char* kNoRanks = "Not run: no two ranks of one seed were set against each other.";
constexpr const char* kNoSeeds =
    "Not run: no two seeds of one setting were set against each other.";

// Sites down, the trained adapters and their controls across.
std::optional<Figure> beside_controls(const Comparison& c, const AdapterGroup& group,
                                      std::string& counted_pairs) {
  ReportData& data = c.pairs.data();
  const std::int64_t layer = group.middle_layer();
  struct Line {
    std::string site;
    std::optional<PhiMean> trained, initial, shuffled;
  };
  std::vector<Line> lines;
  bool any_shuffled = false;
  for (const std::string& site : group.shown_sites()) {
    Line line{site, c.mean(site, layer, "a"), c.mean(site, layer, "initial"),
              c.pairs.shuffled(site, layer, c.rank_one, c.rank_other)};
    if (!line.trained) continue;
    any_shuffled = any_shuffled || line.shuffled.has_value();
    counted_pairs = pairs_text(*line.trained, c.counted);
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
  draw_heat_map(phi_map(std::move(panels), any_shuffled ? 4 : 3, c.x, c.y), figure);
  return figure;
}

// Layers across, and chance at the right; down the sites, then what the first of them gave before
// training.
std::optional<Figure> by_layer(const Comparison& c, const AdapterGroup& group,
                               std::string& left_out) {
  ReportData& data = c.pairs.data();
  constexpr std::size_t kMostLayers = 4;
  const std::vector<std::int64_t> layers = some_layers(group.layers, kMostLayers);
  std::vector<HeatPanel> panels;
  std::optional<PhiMean> any;
  const auto put = [&](const std::string& site, const char* directions, const char* what) {
    const bool first = panels.empty();
    for (const std::int64_t layer : layers) {
      const std::optional<PhiMean> mean = c.mean(site, layer, directions);
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
  HeatMap map = phi_map(std::move(panels), layers.size() + 1, c.x, c.y);
  map.panel_width = 128;
  map.panel_height = 110;
  Figure figure;
  draw_heat_map(map, figure);
  return figure;
}

constexpr const char* kView = "the view similarities";

using Draw = std::function<std::optional<Figure>(const AdapterGroup&)>;

bool lacks_directions_of_a(ReportData& data, const std::vector<AdapterGroup>& groups,
                           const std::string& relation) {
  bool any = false;
  for (const AdapterGroup& group : groups) {
    for (const PhiKey& key : phi_keys(data, group, relation)) {
      if (key.directions == "a") return false;
      any = true;
    }
  }
  return any;
}

FigureSet for_each_group(ReportData& data, const std::string& name, const std::string& title,
                         const std::string& answers, const std::string& relation,
                         const std::string& missing, const Draw& draw) {
  FigureSet set;
  const ShownGroups groups = compared_groups(data, relation);
  for (const AdapterGroup& group : groups.shown) {
    std::optional<Figure> figure = draw(group);
    if (!figure) continue;
    figure->name = set.figures.empty() ? name : fmt::format("{}_{}", name, set.figures.size() + 1);
    figure->title = title + ": " + group_label(group);
    figure->answers = answers;
    if (group.sites.size() > group.shown_sites().size())
      figure->caption += fmt::format(" {} of {} sites are drawn; {} has all.",
                                     group.shown_sites().size(), group.sites.size(), kView);
    set.figures.push_back(std::move(*figure));
  }
  if (!set.figures.empty()) {
    set.figures.back().caption += left_out_settings(groups, kView);
    return set;
  }
  const std::vector<AdapterGroup> analysed = adapter_groups(data);
  set.missing = why_none(groups, kView,
                         analysed.empty()                                  ? kNotAnalysed
                         : lacks_directions_of_a(data, analysed, relation) ? kNotOfA
                                                                           : missing);
  return set;
}

constexpr const char* kControls =
    " “Before training” is the same of the A that each training began with: what is bright there "
    "too was not learned. “Shuffled targets”, where a sweep has them, is the same of adapters "
    "trained on "
    "targets dealt out anew: what is bright there too, any training on these texts gives. "
    "Chance is the mean between random subspaces of these sizes in d dimensions; its 95 % band is "
    "in the CSV.";

}  // namespace

FigureSet between_ranks_figures(ReportData& data) {
  return for_each_group(
      data, "figure3", "Directions shared between ranks", "Figure 3", "ranks", kNoRanks,
      [&](const AdapterGroup& group) -> std::optional<Figure> {
        const std::optional<Comparison> c = between_ranks(data, group);
        if (!c) return std::nullopt;
        std::string counted_pairs;
        std::optional<Figure> figure = beside_controls(*c, group, counted_pairs);
        if (figure)
          figure->caption =
              fmt::format(
                  "phi between the first i right-singular vectors of A at rank {} "
                  "and the first j at "
                  "rank {}, {}, {}. In the paper the first row "
                  "is bright, phi > "
                  "0.5, and the rest near chance: only the top direction is shared.",
                  c->rank_one, c->rank_other, group.middle_layer_text(), counted_pairs) +
              kControls;
        return figure;
      });
}

FigureSet between_seeds_figures(ReportData& data) {
  return for_each_group(data, "figure4", "Directions shared between seeds", "Figure 4", "seeds",
                        kNoSeeds, [&](const AdapterGroup& group) -> std::optional<Figure> {
                          const std::optional<Comparison> c = between_seeds(data, group);
                          if (!c) return std::nullopt;
                          std::string counted_pairs;
                          std::optional<Figure> figure = beside_controls(*c, group, counted_pairs);
                          if (figure)
                            figure->caption =
                                fmt::format(
                                    "phi between the first i right-singular vectors "
                                    "of A of one seed and the first j of "
                                    "another, rank {}, {}, {}. "
                                    "In the paper Wq is brighter than Wv, "
                                    "and random matrices share nothing.",
                                    c->rank_one, group.middle_layer_text(), counted_pairs) +
                                kControls;
                          return figure;
                        });
}

namespace {

using Compare = std::optional<Comparison> (*)(ReportData&, const AdapterGroup&);

FigureSet layer_figures(ReportData& data, const std::string& name, const std::string& title,
                        const std::string& answers, const std::string& relation,
                        const char* missing, Compare compare, const std::string& caption) {
  return for_each_group(data, name, title, answers, relation, missing,
                        [&](const AdapterGroup& group) -> std::optional<Figure> {
                          const std::optional<Comparison> c = compare(data, group);
                          if (!c) return std::nullopt;
                          std::string left_out;
                          std::optional<Figure> figure = by_layer(*c, group, left_out);
                          if (figure)
                            figure->caption = caption +
                                              " The last row, what A gave before training, and "
                                              "chance are the controls." +
                                              left_out;
                          return figure;
                        });
}

}  // namespace

FigureSet between_ranks_layer_figures(ReportData& data) {
  return layer_figures(data, "figure6", "Directions shared between ranks, layer by layer",
                       "Figure 6", "ranks", kNoRanks, &between_ranks,
                       "As Figure 3, at several layers: does its first bright row stand at each?");
}

FigureSet between_seeds_layer_figures(ReportData& data) {
  return layer_figures(data, "figure7", "Directions shared between seeds, layer by layer",
                       "Figure 7", "seeds", kNoSeeds, &between_seeds,
                       "As Figure 4, at several layers: is Wq brighter than Wv at each?");
}

FigureSet base_figures(ReportData& data) {
  return for_each_group(
      data, "figure8", "Directions of the update among those of W", "Figure 8", "base",
      "Not run: no adapter was set against its base.",
      [&](const AdapterGroup& group) -> std::optional<Figure> {
        const PhiPairs pairs(data, group, "base");
        if (pairs.empty()) return std::nullopt;
        // More would not fit beside each other.
        constexpr std::ptrdiff_t kMostRanks = 3;
        const std::vector<std::int64_t> ranks(
            group.ranks.end() - std::min(kMostRanks, std::ssize(group.ranks)), group.ranks.end());
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
            "tenth at least), {}, {}. In the paper it barely exceeds 0.2 for the leading tenth of "
            "W at "
            "any rank: what is "
            "updated is not what W emphasises. To be read against chance, which grows with j.",
            group.middle_layer_text(), pairs_text(*last, "adapters"));
        if (group.ranks.size() > ranks.size())
          figure.caption += fmt::format(" The largest {} of {} ranks are drawn; {} has all.",
                                        ranks.size(), group.ranks.size(), kView);
        return figure;
      });
}

}  // namespace rankscope
