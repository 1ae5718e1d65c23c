#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "common/natural_order.h"
#include "plots/escape.h"
#include "plots/figures/makers.h"
#include "plots/format.h"
#include "plots/palette.h"
#include "plots/panels.h"
#include "plots/report_data.h"
#include "results/cells.h"

namespace rankscope {

namespace {

constexpr std::size_t kMostPanels = 9;
constexpr int kGap = 42;  // pixels of the figure
// Of each run: enough for a line of this width.
constexpr std::int64_t kBins = 60;

struct CurvePoint {
  double step = 0, loss = 0, least = 0, most = 0;
  std::int64_t runs = 0;
};

struct Curve {
  std::string base, sweep, method, targets, size, variant, setting;
  std::optional<std::int64_t> rank, examples;
  std::vector<CurvePoint> points;
};

std::vector<Curve> curves_of(ReportData& data, const std::string& task) {
  std::vector<Curve> curves;
  std::string last;
  const std::string question = fmt::format(
      "SELECT method, targets, rank, setting, avg(step), avg(loss), min(loss), max(loss), "
      "count(*), "
      "sweep FROM (SELECT t.method, t.targets, t.rank, t.setting, t.sweep, c.trial, (c.step - 1) * "
      "? / max(p.steps, 1) AS bin, avg(c.step) AS step, avg(c.loss) AS loss FROM learning_curves c "
      "JOIN trials t ON t.trial = c.trial AND t.sweep = c.sweep "
      // What diverged made fewer steps than its setting's others.
      "JOIN (SELECT sweep, setting, task, max(steps) AS steps FROM trials GROUP BY 1, 2, 3) p ON "
      "p.sweep = t.sweep AND p.setting = t.setting AND p.task = t.task WHERE t.task = ? AND "
      "t.role = 'scored' AND t.method <> 'none' AND c.loss IS NOT NULL AND t.trial NOT IN ({}) "
      "GROUP BY t.sweep, t.setting, c.trial, bin) GROUP BY sweep, setting, bin ORDER BY sweep, "
      "setting, bin",
      kControlTrials);
  for (const Row& row : data.rows(question, {kBins, task})) {
    const std::string setting = text_in(row[3]), key = text_in(row[9]) + "/" + setting;
    if (key != last) {
      Curve curve{.base = data.base_of(text_in(row[9])),
                  .sweep = text_in(row[9]),
                  .method = text_in(row[0]),
                  .targets = text_in(row[1]),
                  .size = {},
                  .variant = {},
                  .setting = setting,
                  .rank = integer_in(row[2]),
                  .examples = {},
                  .points = {}};
      if (const ScoreFinding* score = data.score_of(text_in(row[9]), setting)) {
        curve.examples = score->train_examples;
        curve.size = score->size;
        curve.variant = score->variant;
      }
      curves.push_back(std::move(curve));
      last = key;
    }
    curves.back().points.push_back({number_in(row[4]).value_or(0), number_in(row[5]).value_or(0),
                                    number_in(row[6]).value_or(0), number_in(row[7]).value_or(0),
                                    integer_in(row[8]).value_or(0)});
  }
  // A setting that several sweeps of a base have is one curve.
  std::set<std::pair<std::string, std::string>> seen;
  std::erase_if(curves, [&](const Curve& c) { return !seen.insert({c.base, c.setting}).second; });
  std::ranges::stable_sort(curves, {}, [](const Curve& c) {
    return std::make_tuple(method_order(c.method), c.method, targets_order(c.targets), c.variant,
                           c.examples, natural_key(c.sweep), c.rank, natural_key(c.size));
  });
  return curves;
}

// What the lines of a panel differ in: "r = 8", "bottleneck 8".
std::string step_label(const Curve& c) {
  std::string label = c.rank ? fmt::format("r = {}", *c.rank) : std::string();
  if (!c.size.empty()) label += (label.empty() ? "" : ", ") + c.size;
  return label;
}

// Ranks are coloured on one scale, sizes on one of each method.
std::string scale_of(const Curve& c) { return c.size.empty() ? "" : c.method; }

class CurvesDrawing {
 public:
  explicit CurvesDrawing(std::vector<std::vector<const Curve*>> panels)
      : panels_(std::move(panels)) {
    using Step = std::tuple<std::optional<std::int64_t>, std::string, std::string>;
    std::map<std::string, std::set<Step>> steps;  // by scale
    std::set<std::optional<std::int64_t>> examples;
    std::set<std::string> sweeps;
    for (const std::vector<const Curve*>& panel : panels_) {
      for (const Curve* c : panel) {
        examples.insert(c->examples);
        sweeps.insert(c->sweep);
        if (c->rank || !c->size.empty())
          steps[scale_of(*c)].insert({c->rank, natural_key(c->size), step_label(*c)});
        // The band too, or its ends would be cut off at the frame.
        for (const CurvePoint& p : c->points)
          losses_.insert(losses_.end(), {p.loss, p.least, p.most});
      }
    }
    for (const auto& [scale, all] : steps)
      for (const Step& step : all) scales_[scale].push_back(std::get<2>(step));
    several_examples_ = examples.size() > 1;
    several_sweeps_ = sweeps.size() > 1;
    figure_.data.columns = {"panel",   "step", "loss", "least",   "most",  "runs",    "method",
                            "targets", "rank", "size", "variant", "sweep", "examples"};
  }

  Figure draw() {
    grid_ = {.columns = std::min<std::size_t>(3, panels_.size()),
             .rows = (panels_.size() + 2) / 3,
             .panel_width = panel_width(),
             .panel_height = 180,
             .left = 90,
             .right = 100,
             .top = 30,
             .bottom = 58,
             .gap_x = kGap,
             .gap_y = 62};
    std::vector<LegendEntry> entries;
    std::size_t longest = 0;
    for (const auto& [scale, labels] : scales_) {
      // Two methods may have one size, each in a colour of its own scale.
      const bool named = scales_.size() > 1 && !scale.empty();
      for (std::size_t i = 0; i < labels.size(); ++i)
        entries.push_back({(named ? method_label(scale) + ", " : std::string()) + labels[i],
                           ordered_colour(i, labels.size()), 0, true, false});
    }
    for (const LegendEntry& entry : entries) longest = std::max(longest, entry.label.size());
    grid_.right = std::max(grid_.right, legend_width(longest, false));
    std::string script = "set multiplot\n";
    for (std::size_t at = 0; at < panels_.size(); ++at) script += panel(at);
    figure_.width = grid_.width();
    figure_.height = grid_.height();
    figure_.script = script + legend(grid_, entries, grid_.width() - grid_.right + 8, grid_.top) +
                     "unset multiplot\n";
    return std::move(figure_);
  }

 private:
  std::string colour(const Curve& c) const {
    const auto scale = scales_.find(scale_of(c));
    if (scale == scales_.end()) return std::string(method_colour(c.method));
    const auto at = std::ranges::find(scale->second, step_label(c)) - scale->second.begin();
    if (at == std::ssize(scale->second)) return std::string(method_colour(c.method));
    return ordered_colour(static_cast<std::size_t>(at), scale->second.size());
  }

  std::string title(std::size_t at) const {
    const Curve& any = *panels_[at].front();
    std::string title = method_label(any.method) + (any.targets.empty() ? "" : " " + any.targets);
    if (!any.variant.empty()) title += ", " + any.variant;
    if (any.examples && several_examples_)
      title += fmt::format(", {} ex.", shown_examples(any.examples));
    if (several_sweeps_) title += " (" + any.sweep + ")";
    return title;
  }

  // So that no title runs into its neighbour's.
  int panel_width() const {
    std::size_t longest = 0;
    for (std::size_t at = 0; at < panels_.size(); ++at)
      longest = std::max(longest, std::min(title(at).size(), kTitleBytes + 3));
    return std::max(200, kLetterWidth * static_cast<int>(longest) - kGap);
  }

  std::string panel(std::size_t at) {
    std::string script = grid_.place(at);
    double last = 1;
    std::string bands, lines;
    for (const Curve* c : panels_[at]) {
      const RowRange range(figure_.data);
      for (const CurvePoint& p : c->points) {
        last = std::max(last, p.step);
        figure_.data.rows.push_back({static_cast<std::int64_t>(at), p.step, p.loss, p.least, p.most,
                                     p.runs, c->method, c->targets, cell_of(c->rank), c->size,
                                     c->variant, c->sweep, exact_examples(c->examples)});
      }
      bands += fmt::format(
          "data {} skip 1 using 2:4:5 with filledcurves fs transparent solid 0.15 noborder lc rgb "
          "'{}', ",
          range.every(), colour(*c));
      lines += fmt::format("{}data {} skip 1 using 2:3 with lines lw 1.7 lc rgb '{}'",
                           lines.empty() ? "" : ", ", range.every(), colour(*c));
    }
    const bool lowest = at + grid_.columns >= panels_.size();
    script += fmt::format(
        "set title {} offset 0,-0.5\nset xrange [0:{:.6g}]\nset yrange {}\nset xlabel {}\nset "
        "ylabel {}\n"
        "set grid y lc rgb '#999999' lw 0.3\nunset key\nset xtics {:.6g}\nset logscale y 10\nset "
        "format y '%g'\nset ytics {}\n",
        gnuplot_string(title(at), kTitleBytes), last, range_text(axis_range(losses_, true)),
        lowest ? "'step'" : "''", at % grid_.columns == 0 ? "'loss, nats/token'" : "''",
        whole_tic_step(last), logarithmic_tics(axis_range(losses_, true)));
    return script + "plot " + bands + lines + "\n";
  }

  std::vector<std::vector<const Curve*>> panels_;
  std::map<std::string, std::vector<std::string>> scales_;  // of steps' labels, in their order
  std::vector<double> losses_;
  bool several_examples_ = false, several_sweeps_ = false;
  PanelGrid grid_;
  Figure figure_;
};

// Where there are too many: the methods in turn, so that none lacks a panel while another has two.
// What is kept stays in its order.
void keep_some_of_each_method(std::vector<std::vector<const Curve*>>& panels) {
  if (panels.size() <= kMostPanels) return;
  const auto precedence = [](const std::string& method) {
    return method == "lora" ? 0 : method == "full" ? 1 : 2;
  };
  std::map<std::string, std::size_t> had;  // by method
  std::vector<std::tuple<std::size_t, int, std::size_t>> turns;
  for (std::size_t i = 0; i < panels.size(); ++i) {
    const std::string& method = panels[i].front()->method;
    turns.emplace_back(had[method]++, precedence(method), i);
  }
  std::ranges::sort(turns);
  turns.resize(kMostPanels);
  std::ranges::sort(turns, {}, [](const auto& turn) { return std::get<2>(turn); });
  std::vector<std::vector<const Curve*>> kept;
  for (const auto& turn : turns) kept.push_back(std::move(panels[std::get<2>(turn)]));
  panels = std::move(kept);
}

std::optional<Figure> learning_curves_of(std::vector<Curve> curves, const std::string& base,
                                         const std::string& task) {
  std::erase_if(curves, [&](const Curve& c) { return c.base != base; });
  std::vector<std::vector<const Curve*>> panels;
  for (const Curve& c : curves) {
    const Curve* const before = panels.empty() ? nullptr : panels.back().front();
    if (before == nullptr || before->method != c.method || before->targets != c.targets ||
        before->variant != c.variant || before->examples != c.examples || before->sweep != c.sweep)
      panels.emplace_back();
    panels.back().push_back(&c);
  }
  if (panels.empty()) return std::nullopt;
  const std::size_t all = panels.size();
  keep_some_of_each_method(panels);
  Figure figure = CurvesDrawing(panels).draw();
  figure.name = "learning_curves_" + file_word(task);
  figure.title = "Learning curves: " + task_label(task);
  figure.caption = fmt::format(
      "Training loss per target token over the steps, on a logarithmic axis: the mean over seeds, "
      "and the band between "
      "their least and most, each point a {}th of a run (of a shorter one a step). A wide band, or "
      "a line that jumps up, "
      "says that some seed "
      "failed to learn.",
      kBins);
  std::set<std::string> sweeps;
  for (const Curve& c : curves) sweeps.insert(c.sweep);
  if (sweeps.size() > 1)
    figure.caption += " What several sweeps have is drawn among the first one's.";
  if (all > panels.size())
    figure.caption += fmt::format(
        " {} of {} panels are drawn, LoRA's first one, then full fine-tuning's and each other "
        "method's, then each one's second and so on; the view learning_curves has all.",
        panels.size(), all);
  return figure;
}

}  // namespace

FigureSet learning_curve_figures(ReportData& data) {
  FigureSet set;
  std::vector<std::string> tasks;
  for (const Row& row :
       data.rows("SELECT DISTINCT task FROM trials WHERE role = 'scored' ORDER BY task"))
    tasks.push_back(text_in(row[0]));
  std::ranges::stable_sort(tasks, {}, task_order);
  std::map<std::string, std::vector<Curve>> curves;  // by task, read once for all bases
  for (const std::string& base : data.sweep_bases()) {
    std::size_t drawn = 0;
    std::vector<std::string> left_out;
    for (const std::string& task : tasks) {
      const auto [found, is_new] = curves.try_emplace(task);
      if (is_new) found->second = curves_of(data, task);
      std::optional<Figure> figure = learning_curves_of(found->second, base, task);
      if (!figure) continue;
      if (drawn == kMostTasks) {
        left_out.push_back(task_label(task));
        continue;
      }
      if (data.several_bases()) figure->title += " on " + base;
      set.figures.push_back(std::move(*figure));
      ++drawn;
    }
    if (!left_out.empty())
      set.figures.back().caption += fmt::format(
          " Not drawn: {}; the view learning_curves has all tasks.", fmt::join(left_out, ", "));
  }
  if (set.figures.empty()) set.missing = "No scored trial has recorded a loss yet.";
  return set;
}

}  // namespace rankscope
