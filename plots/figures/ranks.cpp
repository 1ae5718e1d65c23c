// Table 6 of the paper as curves.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string_view>

#include "plots/escape.h"
#include "plots/figures/makers.h"
#include "plots/format.h"
#include "plots/palette.h"
#include "plots/panels.h"
#include "plots/rank_lines.h"
#include "plots/report_data.h"
#include "results/cells.h"

namespace rankscope {

namespace {

constexpr std::size_t kMostSeries = 10;
constexpr std::string_view kOfThePaper = " (paper)";  // behind a line's name

struct RankPoint {
  double rank = 0, mean = 0;
  std::optional<double> low, high;
};
struct Series {
  std::string label, targets, sweep, variant;
  std::optional<std::int64_t> train_examples;
  std::vector<RankPoint> points;  // by rank
};
using PanelRow = std::pair<TaskMetric, std::vector<Series>>;  // what was measured

// Without labels, which depend on the other panels.
std::vector<Series> measured_series(const ReportData& data, const std::string& base,
                                    const TaskMetric& of) {
  using Key = std::tuple<std::pair<int, std::string>, std::string, std::optional<std::int64_t>,
                         std::string>;
  std::map<Key, Series> series;
  for (const ScoreFinding* s : data.scores()) {
    if (s->base != base || shown_by(*s) != of || s->method != "lora" || !s->rank || !s->mean)
      continue;
    Series& each = series[{targets_order(s->targets), s->sweep, s->train_examples, s->variant}];
    each.targets = s->targets;
    each.sweep = s->sweep;
    each.variant = s->variant;
    each.train_examples = s->train_examples;
    each.points.push_back({static_cast<double>(*s->rank), *s->mean, s->low, s->high});
  }
  std::erase_if(series, [](const auto& entry) {
    return std::ranges::all_of(entry.second.points, [&](const RankPoint& p) {
      return p.rank == entry.second.points[0].rank;
    });
  });
  std::vector<Series> all;
  for (auto& [key, each] : series) {
    std::ranges::stable_sort(each.points, {}, &RankPoint::rank);
    all.push_back(std::move(each));
  }
  return all;
}

// One legend names the lines of all panels. It has room for little, but only an alpha that all of
// them share may go: without anything else a line would be named as the paper's LoRA.
void name_series(std::vector<PanelRow>& rows) {
  std::vector<std::string> variants;
  for (const auto& [shown, series] : rows)
    for (const Series& each : series) variants.push_back(each.variant);
  if (is_plain(shared_parts(variants))) variants = without_shared_parts(variants);
  std::size_t next = 0;
  for (auto& [shown, series] : rows) {
    std::map<std::string, int> uses;
    for (Series& each : series) {
      const std::string& variant = variants[next++];
      each.label = each.targets + (variant.empty() ? "" : ", ") + variant;
      ++uses[each.label];
    }
    for (Series& each : series) {
      if (uses[each.label] == 1) continue;
      each.label += " (" + each.sweep;
      if (each.train_examples)
        each.label += fmt::format(", {} examples", shown_examples(each.train_examples));
      each.label += ")";
    }
  }
}

std::vector<Series> published_series(const TaskMetric& of) {
  std::map<std::pair<int, std::string>, Series> series;
  for (const PublishedNumber* n : published_scores("table6", of)) {
    if (!n->value) continue;
    const std::string targets = published_setting(*n, "targets");
    Series& each = series[targets_order(targets)];
    each.label = each.targets = targets;
    RankPoint point{std::stod(published_setting(*n, "rank")), *n->value, std::nullopt,
                    std::nullopt};
    if (n->spread) {
      point.low = *n->value - *n->spread;
      point.high = *n->value + *n->spread;
    }
    each.points.push_back(point);
  }
  std::vector<Series> all;
  for (auto& [key, each] : series) all.push_back(std::move(each));
  return all;
}

// A line of the paper whose matrices alone name no measured line has a colour of its own, which
// the legend would not say to be the paper's where all others' names say whose they are.
void name_paper_series(const std::vector<PanelRow>& rows,
                       std::vector<std::vector<Series>>& published) {
  std::set<std::string> labels;
  bool more_than_matrices = false;
  for (const auto& [shown, measured] : rows) {
    for (const Series& s : measured) {
      labels.insert(s.label);
      more_than_matrices = more_than_matrices || s.label != s.targets;
    }
  }
  if (!more_than_matrices) return;
  for (std::vector<Series>& panel : published)
    for (Series& s : panel)
      if (!labels.contains(s.targets)) s.label += kOfThePaper;
}

class RanksDrawing {
 public:
  RanksDrawing() {
    figure_.name = "ranks";
    figure_.answers = "Table 6";
    figure_.data.columns = {"panel",  "rank", "mean",   "low",   "high",
                            "source", "task", "metric", "series"};
  }

  Figure draw(const std::vector<PanelRow>& rows) {
    std::vector<std::vector<Series>> published;
    bool paper = false;
    for (const auto& [shown, measured] : rows) {
      published.push_back(published_series(shown));
      paper = paper || !published.back().empty();
    }
    name_paper_series(rows, published);
    choose_looks(rows, published);
    std::size_t longest = 0;
    bool dashes = false;
    for (const auto& [label, look] : looks_) {
      longest = std::max(longest, label.size());
      dashes = dashes || look.dashed;
    }
    grid_ = measured_beside_paper(rows.size(), paper);
    grid_.right = std::max(grid_.right, legend_width(longest, dashes));
    std::string panels;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      panels += panel(grid_.columns * i, rows[i].first, rows[i].second, true);
      panels += panel(grid_.columns * i + 1, rows[i].first, published[i], false);
    }
    figure_.width = grid_.width();
    figure_.height = grid_.height();
    figure_.script = "set multiplot\n" + panels +
                     legend(grid_, legend_, grid_.width() - grid_.right + 8, grid_.top) +
                     "unset multiplot\n";
    return std::move(figure_);
  }

 private:
  std::string panel(std::size_t at, const TaskMetric& shown, const std::vector<Series>& series,
                    bool here) {
    if (series.empty()) return {};
    std::vector<double> xs, ys;
    std::set<double> ranks;
    for (const Series& s : series) {
      for (const RankPoint& p : s.points) {
        xs.push_back(p.rank);
        ranks.insert(p.rank);
        for (const std::optional<double>& y : {std::optional(p.mean), p.low, p.high})
          if (y) ys.push_back(*y);
      }
    }
    std::string tics;
    for (const double rank : ranks) tics += fmt::format("{}{:g}", tics.empty() ? "" : ", ", rank);
    std::string script = grid_.place(at);
    script += fmt::format(
        "set title {} offset 0,-0.3\nset logscale x 2\nset xtics ({})\nset xrange {}\nset yrange "
        "{}\n",
        gnuplot_string((here ? "measured: " : "paper (GPT-3): ") + task_label(shown.task),
                       kTitleBytes),
        tics, range_text(axis_range(xs, true)), range_text(axis_range(ys, false)));
    script += fmt::format(
        "set xlabel 'rank r'\nset ylabel {}\nset format y '%g'\nset grid y lc rgb '#999999' lw "
        "0.3\nunset key\n",
        here ? gnuplot_string(metric_label(shown.metric) + ", %") : "''");
    std::string bands, lines;
    for (const Series& s : series) {
      const LineLook& look = looks_.at(s.label);
      if (std::ranges::find(legend_, s.label, &LegendEntry::label) == legend_.end())
        legend_.push_back({s.label, look.colour, look.point, true, look.dashed});
      const RowRange range(figure_.data);
      bool band = false;
      for (const RankPoint& p : s.points) {
        band = band || p.low;
        figure_.data.rows.push_back({static_cast<std::int64_t>(at), p.rank, p.mean, cell_of(p.low),
                                     cell_of(p.high), here ? "measured" : "paper", shown.task,
                                     shown.metric, here ? s.label : s.targets});
      }
      if (band)
        bands += fmt::format(
            "data {} skip 1 using 2:4:5 with filledcurves fs transparent solid 0.18 noborder lc "
            "rgb '{}', ",
            range.every(), look.colour);
      lines +=
          fmt::format("{}data {} skip 1 using 2:3 with linespoints lw 2{} pt {} ps 0.6 lc rgb '{}'",
                      lines.empty() ? "" : ", ", range.every(), look.dashed ? " dt 2" : "",
                      look.point, look.colour);
    }
    return script + "plot " + bands + lines + "\n";
  }

  static bool is_of_matrices_alone(const Series& s) {
    return s.label == s.targets || s.label == s.targets + std::string(kOfThePaper);
  }

  // Matrices keep the colours that they have everywhere; what else there is shares the rest.
  void choose_looks(const std::vector<PanelRow>& rows,
                    const std::vector<std::vector<Series>>& published) {
    std::vector<const Series*> all;
    for (const auto& [shown, measured] : rows)
      for (const Series& s : measured) all.push_back(&s);
    for (const std::vector<Series>& paper : published)
      for (const Series& s : paper) all.push_back(&s);
    std::set<std::string> plain;
    for (const Series* s : all)
      if (is_of_matrices_alone(*s)) plain.insert(s->targets);
    LineLooks looks;
    const std::map<std::string, LineLook> of_matrices = looks.of_targets(plain);
    for (const Series* s : all) {
      if (looks_.contains(s->label)) continue;
      looks_[s->label] = is_of_matrices_alone(*s) ? of_matrices.at(s->targets) : looks.another();
    }
  }

  PanelGrid grid_;
  Figure figure_;
  std::map<std::string, LineLook> looks_;  // by label
  std::vector<LegendEntry> legend_;
};

}  // namespace

FigureSet rank_figures(ReportData& data) {
  FigureSet set;
  for (const std::string& base : data.bases()) {
    std::vector<PanelRow> rows;
    std::size_t left_out = 0;  // lines of the panels that are drawn
    for (const TaskMetric& shown : data.task_metrics()) {
      std::vector<Series> series = measured_series(data, base, shown);
      if (!series.empty()) rows.emplace_back(shown, std::move(series));
    }
    if (rows.empty()) continue;
    name_series(rows);
    const std::size_t all = rows.size();
    if (all > kMostTasks) rows.resize(kMostTasks);
    for (auto& [shown, series] : rows) {
      if (series.size() <= kMostSeries) continue;
      left_out += series.size() - kMostSeries;
      series.resize(kMostSeries);
    }
    Figure figure = RanksDrawing().draw(rows);
    figure.title =
        "Score against LoRA's rank" + (data.bases().size() > 1 ? " on " + base : std::string());
    figure.caption =
        "A line is one set of matrices, its band the 95 % interval over seeds and examples (in the "
        "paper's "
        "panels, the "
        "fluctuation that it states). Where Wv is among the matrices the paper's lines keep within "
        "half a point from rank 1 on, more on MNLI than the ±0.1 that it states: a line that rises "
        "further says that rank matters here.";
    if (all > rows.size())
      figure.caption += fmt::format(
          " The first {} of {} rows of panels are drawn; table6.csv has all.", rows.size(), all);
    if (left_out > 0)
      figure.caption += fmt::format(
          " {} not drawn; table6.csv has all.",
          left_out == 1 ? "1 more line is" : fmt::format("{} more lines are", left_out));
    std::vector<const ScoreFinding*> scores;
    std::ranges::copy_if(data.scores(), std::back_inserter(scores), [&](const ScoreFinding* s) {
      return s->base == base && s->method == "lora" && s->rank && s->mean;
    });
    figure.caption += of_one_rank(data, scores) + of_ranks_by_site(data, base, "table6");
    set.figures.push_back(std::move(figure));
  }
  if (set.figures.empty())
    set.missing = "Not run: no set of weight matrices was adapted with LoRA at two ranks.";
  return set;
}

}  // namespace rankscope
