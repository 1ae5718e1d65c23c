// Table 7 of the paper over the rank.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "plots/adapters.h"
#include "plots/escape.h"
#include "plots/figures/makers.h"
#include "plots/format.h"
#include "plots/palette.h"
#include "plots/panels.h"
#include "results/cells.h"

namespace rankscope {

namespace {

struct AmplificationPoint {
  std::string site;
  double rank = 0;
  std::int64_t adapters = 0;
  double measured = 0, least = 0, most = 0, random = 0;
};

std::string random_label(const std::string& site) { return site + ", random"; }

// Factors are averaged as factors: geometric means.
std::vector<AmplificationPoint> points_of(ReportData& data, const AdapterGroup& group) {
  std::vector<AmplificationPoint> points;
  for (const Row& row : data.rows("SELECT site, rank, count(*), exp(avg(ln(amplification))), "
                                  "min(amplification), max(amplification), "
                                  "exp(avg(ln(update_norm / projected_random))) FROM "
                                  "amplifications WHERE sweep = ? AND instr(?, ' ' || trial || ' "
                                  "') > 0 AND layer = ? AND amplification > 0 AND "
                                  "projected_random > 0 GROUP BY site, rank ORDER BY site, rank",
                                  {group.sweep, group.trials_text(), group.middle_layer()}))
    points.push_back({text_in(row[0]), number_in(row[1]).value_or(1),
                      integer_in(row[2]).value_or(0), number_in(row[3]).value_or(1),
                      number_in(row[4]).value_or(1), number_in(row[5]).value_or(1),
                      number_in(row[6]).value_or(1)});
  return points;
}

}  // namespace

FigureSet amplification_figures(ReportData& data) {
  std::vector<std::pair<AdapterGroup, std::vector<AmplificationPoint>>> panels;
  const ShownGroups groups =
      choose_groups(data, with_any_of(data,
                                      "SELECT DISTINCT sweep, trial FROM amplifications WHERE "
                                      "amplification > 0 AND projected_random > 0"));
  std::set<std::string> tasks;  // of each base
  for (const AdapterGroup& group : groups.shown) {
    std::vector<AmplificationPoint> points = points_of(data, group);
    if (points.empty()) continue;
    tasks.insert(task_on_base(group));
    if (tasks.size() <= kMostTasks) panels.emplace_back(group, std::move(points));
  }
  if (panels.empty())
    return {{},
            why_none(groups, "the view amplifications",
                     "Not run: no adapter was analysed against its base.")};
  std::set<std::string> sites;
  std::size_t longest = 0;  // of the legend's names
  for (const auto& [group, points] : panels) {
    for (const AmplificationPoint& p : points) {
      sites.insert(p.site);
      longest = std::max(longest, random_label(p.site).size());
    }
  }
  const std::size_t columns = std::min<std::size_t>(2, panels.size());
  const PanelGrid grid{.columns = columns,
                       .rows = (panels.size() + 1) / 2,
                       .panel_width = 250,
                       .panel_height = 210,
                       .left = 80,
                       .right = std::max(190, legend_width(longest, /*dashes=*/true)),
                       .top = 34,
                       .bottom = 60,
                       .gap_x = 70,
                       .gap_y = 88};
  Figure figure{.name = "amplification",
                .title = "Amplification by rank",
                .caption = {},
                .answers = "Table 7",
                .data = {{"panel", "rank", "amplification", "least", "most", "random", "adapters",
                          "site", "task", "targets", "layer", "sweep"},
                         {}},
                .script = "set multiplot\n"};
  // What all panels have in common stands in the caption.
  std::vector<std::string> labels;
  for (const auto& [group, points] : panels)
    labels.push_back(fmt::format("{}, {}, {}", task_on_base(group), matrices_label(group),
                                 group.middle_layer_text()));
  const std::vector<std::string> titles =
      panels.size() > 1 ? without_shared_parts(labels) : std::vector<std::string>{""};
  std::vector<LegendEntry> entries;
  const std::map<std::string, LineLook> looks = LineLooks().of_targets(sites);
  for (std::size_t at = 0; at < panels.size(); ++at) {
    const auto& [group, points] = panels[at];
    std::string title = titles[at];
    // What it has all panels have, and the caption names.
    if (title.empty() && panels.size() > 1)
      title = is_plain(group.variant) ? "plain" : group.variant;
    std::vector<double> xs, ys;
    std::string tics, plots;
    for (const std::int64_t rank : group.ranks)
      tics += fmt::format("{}{}", tics.empty() ? "" : ", ", rank);
    for (std::size_t i = 0; i < points.size();) {
      const std::string site = points[i].site;
      const RowRange range(figure.data);
      for (; i < points.size() && points[i].site == site; ++i) {
        const AmplificationPoint& p = points[i];
        xs.push_back(p.rank);
        ys.insert(ys.end(), {p.least, p.most, p.random});
        figure.data.rows.push_back({static_cast<std::int64_t>(at), p.rank, p.measured, p.least,
                                    p.most, p.random, p.adapters, site, group.task, group.targets,
                                    group.middle_layer(), group.sweep});
      }
      const LineLook& look = looks.at(site);
      const std::string from = fmt::format("data {} skip 1 using", range.every());
      plots +=
          fmt::format("{}{} 2:4:5 with filledcurves fs transparent solid 0.15 noborder lc rgb '{}'",
                      plots.empty() ? "" : ", ", from, look.colour);
      plots += fmt::format(
          ", {} 2:3 with linespoints lw 2 pt {} ps 0.6 lc rgb '{}', {} 2:6 with linespoints lw 1.5 "
          "dt 2 "
          "pt 6 ps 0.5 lc rgb '{}'",
          from, look.point, look.colour, from, look.colour);
      if (std::ranges::find(entries, site, &LegendEntry::label) == entries.end()) {
        entries.push_back({site, look.colour, look.point, true, false});
        entries.push_back({random_label(site), look.colour, 6, true, true});
      }
    }
    const AxisRange factors = axis_range(ys, true);
    figure.script += grid.place(at);
    figure.script += fmt::format(
        "set title {} offset 0,-0.3\nset logscale x 2\nset logscale y 10\nset format y "
        "'%g'\nset xtics ({})\nset xrange {}\nset yrange {}\nset ytics {}\n"
        "set xlabel 'rank r'\nset ylabel {}\nset grid y lc rgb '#999999' lw 0.3\nunset key\nplot "
        "{}\n",
        gnuplot_string(title, kTitleBytes), tics, range_text(axis_range(xs, true)),
        range_text(factors), logarithmic_tics(factors),
        at % columns == 0 ? "'amplification factor'" : "''", plots);
  }
  figure.script +=
      legend(grid, entries, grid.width() - grid.right + 8, grid.top) + "unset multiplot\n";
  figure.width = grid.width();
  figure.height = grid.height();
  figure.caption = fmt::format("LoRA, {}. ", shared_parts(labels));
  if (tasks.size() > kMostTasks)
    figure.caption +=
        fmt::format("{} more tasks or bases are in table7.csv. ", tasks.size() - kMostTasks);
  figure.caption +=
      "‖ΔW‖ over what of W lies in the directions of ΔW: the geometric mean over adapters, and the "
      "band between the least and the most. The norms in the paper's Table 7 give 21.5 at rank 4 "
      "and 1.9 at rank 64; its text has “as large as 20” and “around 2”. Dashed is the same with "
      "random subspaces of that rank: both fall as the rank grows, and only the distance between "
      "the two lines is the adapters' own. Below the dashed line an update lies where W holds more "
      "than at random.";
  figure.caption += pissa_ranks(groups.shown) + left_out_settings(groups, "table7.csv");
  return {{std::move(figure)}, {}};
}

}  // namespace rankscope
