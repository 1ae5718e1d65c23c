#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "plots/adapters.h"
#include "plots/escape.h"
#include "plots/figures/makers.h"
#include "plots/format.h"
#include "plots/palette.h"
#include "plots/panels.h"
#include "results/cells.h"

namespace rankscope {

namespace {

// By site and rank, position by position: the mean over adapters.
using Spectra = std::map<std::string, std::map<std::int64_t, std::vector<double>>>;

Spectra spectra_of(ReportData& data, const AdapterGroup& group) {
  Spectra spectra;
  for (const Row& row : data.rows("SELECT site, rank, position, avg(value) FROM spectra WHERE "
                                  "sweep = ? AND instr(?, ' ' || trial || ' ') > 0 AND layer = ? "
                                  "GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
                                  {group.sweep, group.trials_text(), group.middle_layer()}))
    spectra[text_in(row[0])][integer_in(row[1]).value_or(0)].push_back(
        number_in(row[3]).value_or(0));
  return spectra;
}

std::optional<Figure> spectra_figure(ReportData& data, const AdapterGroup& group) {
  Spectra spectra = spectra_of(data, group);
  constexpr std::size_t kMostSites = 4;
  std::vector<std::string> sites;
  for (const std::string& site : group.sites)
    if (spectra.contains(site)) sites.push_back(site);
  if (sites.empty()) return std::nullopt;
  const std::size_t all = sites.size();
  sites.resize(std::min(all, kMostSites));
  const std::size_t columns = std::min<std::size_t>(2, sites.size());
  const PanelGrid grid{.columns = columns,
                       .rows = (sites.size() + 1) / 2,
                       .panel_width = 250,
                       .panel_height = 200,
                       .left = 90,
                       .right = 110,
                       .top = 34,
                       .bottom = 60,
                       .gap_x = 60,
                       .gap_y = 88};
  Figure figure;
  figure.data.columns = {"panel", "position", "singular_value", "rank", "site"};
  figure.script = "set multiplot\n";
  std::vector<double> values;
  double longest = 1;
  for (const std::string& site : sites) {
    for (const auto& [rank, each] : spectra[site]) {
      values.insert(values.end(), each.begin(), each.end());
      longest = std::max(longest, static_cast<double>(each.size()));
    }
  }
  // What is nothing but rounding would stretch the axis.
  const double largest = *std::ranges::max_element(values);
  std::erase_if(values, [&](double value) { return value < 1e-6 * largest; });
  for (std::size_t at = 0; at < sites.size(); ++at) {
    std::string plots;
    for (std::size_t i = 0; i < group.ranks.size(); ++i) {
      const auto found = spectra[sites[at]].find(group.ranks[i]);
      if (found == spectra[sites[at]].end()) continue;
      const RowRange range(figure.data);
      for (std::size_t k = 0; k < found->second.size(); ++k)
        figure.data.rows.push_back({static_cast<std::int64_t>(at), static_cast<std::int64_t>(k + 1),
                                    found->second[k], found->first, sites[at]});
      plots += fmt::format(
          "{}data {} skip 1 using 2:3 with linespoints lw 2 pt 7 ps 0.4 lc rgb '{}'",
          plots.empty() ? "" : ", ", range.every(), ordered_colour(i, group.ranks.size()));
    }
    figure.script += grid.place(at);
    figure.script += fmt::format(
        "set title {} offset 0,-0.3\nset logscale y 10\nset format y '%g'\nset xrange "
        "[0.5:{:.6g}]\nset xtics {:.6g}\nset yrange "
        "{}\nset ytics {}\nset xlabel 'position'\n"
        "set ylabel {}\nset grid y lc rgb '#999999' lw 0.3\nunset key\nplot {}\n",
        gnuplot_string(sites[at], kTitleBytes), longest + 0.5, whole_tic_step(longest),
        range_text(axis_range(values, true)), logarithmic_tics(axis_range(values, true)),
        at % columns == 0 ? "'singular value of dW'" : "''", plots);
  }
  std::vector<LegendEntry> entries;
  for (std::size_t i = 0; i < group.ranks.size(); ++i)
    entries.push_back({fmt::format("r = {}", group.ranks[i]), ordered_colour(i, group.ranks.size()),
                       7, true, false});
  figure.script +=
      legend(grid, entries, grid.width() - grid.right + 8, grid.top) + "unset multiplot\n";
  figure.width = grid.width();
  figure.height = grid.height();
  figure.caption = fmt::format(
      "The singular values of ΔW with its scale, {}, means over adapters. A "
      "steep line says that a "
      "few directions carry the update, whatever rank it was given.",
      group.middle_layer_text());
  figure.caption += pissa_ranks({&group, 1});
  if (all > sites.size())
    figure.caption +=
        fmt::format(" {} of {} sites are drawn; the view spectra has all.", sites.size(), all);
  return figure;
}

}  // namespace

FigureSet spectrum_figures(ReportData& data) {
  FigureSet set;
  const ShownGroups groups =
      choose_groups(data, with_any_of(data, "SELECT DISTINCT sweep, trial FROM spectra"));
  for (const AdapterGroup& group : groups.shown) {
    std::optional<Figure> figure = spectra_figure(data, group);
    if (!figure) continue;
    figure->name =
        set.figures.empty() ? "spectra" : fmt::format("spectra_{}", set.figures.size() + 1);
    figure->title = "Singular values of the update: " + group_label(group);
    set.figures.push_back(std::move(*figure));
  }
  if (!set.figures.empty())
    set.figures.back().caption += left_out_settings(groups, "the view spectra");
  if (set.figures.empty())
    set.missing =
        why_none(groups, "the view spectra", "Not run: no adapter's singular values are stored.");
  return set;
}

}  // namespace rankscope
