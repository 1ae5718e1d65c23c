// Figure 2 of the paper.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "common/text.h"
#include "plots/escape.h"
#include "plots/figures/makers.h"
#include "plots/format.h"
#include "plots/palette.h"
#include "plots/panels.h"
#include "plots/report_data.h"
#include "results/cells.h"

namespace rankscope {

namespace {

struct ParametersPoint {
  std::string method, targets, size;
  std::optional<std::int64_t> rank;
  double parameters = 0, mean = 0;
  std::optional<double> low, high;
  std::string sweep = {};
  std::optional<std::int64_t> train_examples = {}, seeds = {};
};
// The untrained base's score, and the sweeps in which it is this one: where they scored other data
// it is another.
using BaseLine = std::pair<double, std::vector<std::string>>;

std::string config_text(const ParametersPoint& p) {
  std::string text = p.targets + (p.rank ? fmt::format(" r{}", *p.rank) : std::string());
  if (!p.size.empty()) text += (text.empty() ? "" : " ") + p.size;
  return text;
}

class ParametersDrawing {
 public:
  ParametersDrawing(const ReportData& data, std::string base, std::vector<TaskMetric> rows)
      : data_(data), base_(std::move(base)), rows_(std::move(rows)) {
    const bool paper = std::ranges::any_of(
        rows_, [](const TaskMetric& shown) { return !published(shown).empty(); });
    grid_ = measured_beside_paper(rows_.size(), paper);
    figure_.name = "figure2";
    figure_.answers = "Figure 2 and Table 15";
    figure_.data.columns = {"panel",  "parameters",     "mean",   "low",    "high",
                            "source", "task",           "metric", "method", "configuration",
                            "sweep",  "train_examples", "seeds"};
  }

  Figure draw() {
    std::size_t longest = method_label("none").size();
    for (const TaskMetric& row : rows_)
      for (const auto& points : {measured(row), published(row)})
        for (const ParametersPoint& p : points)
          longest = std::max(longest, method_label(p.method).size());
    grid_.right = std::max(grid_.right, legend_width(longest, /*dashes=*/true));
    std::string panels;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      panels += panel(grid_.columns * i, rows_[i], measured(rows_[i]), true);
      panels += panel(grid_.columns * i + 1, rows_[i], published(rows_[i]), false);
    }
    figure_.width = grid_.width();
    figure_.height = grid_.height();
    std::vector<LegendEntry> entries;
    for (const std::string& method : methods_)
      entries.push_back({method_label(method), std::string(method_colour(method)),
                         method_point(method), false, false});
    if (base_line_)
      entries.push_back({method_label("none"), std::string(method_colour("none")), 0, true, true});
    figure_.script = "set multiplot\n" + panels +
                     legend(grid_, entries, grid_.width() - grid_.right + 8, grid_.top) +
                     "unset multiplot\n";
    figure_.caption = base_lines_text() + sweeps_text();
    return std::move(figure_);
  }

 private:
  std::vector<ParametersPoint> measured(const TaskMetric& of) const {
    std::vector<ParametersPoint> points;
    for (const ScoreFinding* s : data_.scores())
      if (s->base == base_ && shown_by(*s) == of && s->method != "none" && s->mean &&
          s->parameters && *s->parameters > 0)
        points.push_back({s->method, s->targets, told_apart(*s), s->rank,
                          static_cast<double>(*s->parameters), *s->mean, s->low, s->high, s->sweep,
                          s->train_examples, std::ssize(s->seeds)});
    return points;
  }

  static std::vector<ParametersPoint> published(const TaskMetric& of) {
    std::vector<ParametersPoint> points;
    for (const PublishedNumber* n : published_scores("table15", of))
      if (n->value && n->parameters)
        points.push_back({n->method, published_setting(*n, "targets"), published_size(*n),
                          published_rank(*n), *n->parameters, *n->value, std::nullopt,
                          std::nullopt});
    return points;
  }

  std::vector<BaseLine> base_lines(const TaskMetric& of) const {
    std::vector<BaseLine> lines;
    for (const ScoreFinding* s : data_.scores()) {
      if (s->base != base_ || shown_by(*s) != of || s->method != "none" || !s->mean) continue;
      const auto same = std::ranges::find(lines, *s->mean, &BaseLine::first);
      if (same == lines.end())
        lines.push_back({*s->mean, {s->sweep}});
      else
        same->second.push_back(s->sweep);
    }
    return lines;
  }

  // A sentence with a space before it; empty where one sweep gave each panel one line at most.
  std::string base_lines_text() const {
    std::vector<std::string> panels;
    for (const TaskMetric& shown : rows_) {
      std::vector<std::string> scores;
      for (const auto& [score, sweeps] : base_lines(shown))
        scores.push_back(fmt::format("{:.1f} ({} {})", score,
                                     sweeps.size() == 1 ? "sweep" : "sweeps", listed(sweeps)));
      if (scores.size() > 1 || (data_.several_sweeps() && !scores.empty()))
        panels.push_back(task_metric_label(shown) + " " + listed(scores));
    }
    if (panels.empty()) return {};
    return fmt::format(" The untrained base's lines: {}.", fmt::join(panels, "; "));
  }

  // The same, empty in a report on one sweep.
  std::string sweeps_text() const {
    if (!data_.several_sweeps()) return {};
    return fmt::format(" Measured in {} {}; the CSV has the sweep of each point.",
                       sweeps_.size() == 1 ? "the sweep" : "the sweeps", listed(sweeps_));
  }

  std::string panel(std::size_t at, const TaskMetric& shown, std::vector<ParametersPoint> points,
                    bool here) {
    if (points.empty()) return {};
    std::ranges::stable_sort(points, {}, [](const ParametersPoint& p) {
      return std::make_tuple(method_order(p.method), p.method);
    });
    std::vector<double> xs, ys;
    for (const ParametersPoint& p : points) {
      xs.push_back(p.parameters);
      for (const std::optional<double>& y : {std::optional(p.mean), p.low, p.high})
        if (y) ys.push_back(*y);
    }
    const std::vector<BaseLine> floors = here ? base_lines(shown) : std::vector<BaseLine>();
    for (const auto& [score, sweeps] : floors) ys.push_back(score);
    std::string script = grid_.place(at);
    script += fmt::format(
        "set title {} offset 0,-0.3\nset logscale x 10\nset format x '%.0s%c'\nset format y "
        "'%g'\nset xrange {}\nset "
        "xtics {}\nset yrange {}\n",
        gnuplot_string((here ? "measured: " : "paper (GPT-3): ") + task_label(shown.task),
                       kTitleBytes),
        range_text(axis_range(xs, true)), logarithmic_tics(axis_range(xs, true)),
        range_text(axis_range(ys, false)));
    script += fmt::format(
        "set xlabel 'trainable parameters'\nset ylabel {}\nset grid y lc rgb '#999999' lw "
        "0.3\nunset key\nunset arrow\n",
        here ? gnuplot_string(metric_label(shown.metric) + ", %") : "''");
    for (const auto& [score, sweeps] : floors) {
      base_line_ = true;
      for (const std::string& sweep : sweeps)
        figure_.data.rows.push_back({static_cast<std::int64_t>(at), Cell(), score, Cell(), Cell(),
                                     "measured", shown.task, shown.metric, "none", "", sweep,
                                     Cell(), Cell()});
      script += fmt::format(
          "set arrow from graph 0, first {0:.6g} to graph 1, first {0:.6g} nohead dt 2 lw 1.5 lc "
          "rgb '{1}'\n",
          score, method_colour("none"));
    }
    std::string plots;
    for (std::size_t i = 0; i < points.size();) {
      const std::string method = points[i].method;
      methods_.push_back(method);
      const RowRange range(figure_.data);
      bool intervals = false;
      for (; i < points.size() && points[i].method == method; ++i) {
        const ParametersPoint& p = points[i];
        intervals = intervals || p.low;
        figure_.data.rows.push_back({static_cast<std::int64_t>(at), p.parameters, p.mean,
                                     cell_of(p.low), cell_of(p.high), here ? "measured" : "paper",
                                     shown.task, shown.metric, method, config_text(p), p.sweep,
                                     exact_examples(p.train_examples), cell_of(p.seeds)});
        if (here && std::ranges::find(sweeps_, p.sweep) == sweeps_.end())
          sweeps_.push_back(p.sweep);
      }
      const std::string from =
          fmt::format("{}data {} skip 1 using", plots.empty() ? "" : ", ", range.every());
      if (intervals)
        plots += fmt::format("{} 2:3:4:5 with yerrorbars pt 0 lw 1 lc rgb '{}'", from,
                             method_colour(method));
      plots += fmt::format("{}data {} skip 1 using 2:3 with points pt {} ps 0.8 lc rgb '{}'",
                           plots.empty() ? "" : ", ", range.every(), method_point(method),
                           method_colour(method));
    }
    std::ranges::stable_sort(
        methods_, {}, [](const std::string& m) { return std::make_pair(method_order(m), m); });
    methods_.erase(std::unique(methods_.begin(), methods_.end()), methods_.end());
    return script + "plot " + plots + "\n";
  }

  const ReportData& data_;
  std::string base_;
  std::vector<TaskMetric> rows_;
  PanelGrid grid_;
  Figure figure_;
  std::vector<std::string> methods_, sweeps_;
  bool base_line_ = false;
};

}  // namespace

FigureSet parameter_figures(ReportData& data) {
  FigureSet set;
  for (const std::string& base : data.bases()) {
    std::vector<TaskMetric> rows;
    for (const TaskMetric& shown : data.task_metrics()) {
      std::set<std::int64_t> counts;
      for (const ScoreFinding* s : data.scores())
        if (s->base == base && shown_by(*s) == shown && s->mean && s->parameters &&
            *s->parameters > 0)
          counts.insert(*s->parameters);
      if (counts.size() > 1) rows.push_back(shown);
    }
    if (rows.empty()) continue;
    const std::size_t all = rows.size();
    rows.resize(std::min(all, kMostTasks));
    Figure figure = ParametersDrawing(data, base, rows).draw();
    figure.title = "Score against trainable parameters" +
                   (data.bases().size() > 1 ? " on " + base : std::string());
    const std::string sweeps = std::move(figure.caption);
    figure.caption =
        "Each point is one configuration: its mean over seeds with the 95 % interval, over its "
        "trainable "
        "parameters on a logarithmic axis; the dashed line is the untrained base. In the paper's "
        "panels LoRA, from its fewest parameters to its most, lies within half a point of full "
        "fine-tuning (far right) on WikiSQL and above it on MNLI, while prefixes fall beyond a "
        "size: "
        "PrefixEmbed is best with 256 + 8 tokens, PrefixLayer with 8 + 8 on WikiSQL and 32 + 4 on "
        "MNLI." +
        sweeps;
    if (all > rows.size())
      figure.caption += fmt::format(
          " The first {} of {} rows of panels are drawn; table15.csv has all.", rows.size(), all);
    set.figures.push_back(std::move(figure));
  }
  if (set.figures.empty())
    set.missing = "Not run: no task has scores at two numbers of trainable parameters.";
  return set;
}

}  // namespace rankscope
