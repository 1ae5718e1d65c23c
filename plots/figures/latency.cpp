// Figure 5 of the paper: what adapters add to a forward pass.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "plots/escape.h"
#include "plots/figures/makers.h"
#include "plots/format.h"
#include "plots/palette.h"
#include "plots/panels.h"
#include "plots/report_data.h"
#include "results/cells.h"

namespace rankscope {

namespace {

constexpr std::size_t kMostLengths = 4;

// A row of panels a kind of adapter, a column a length, a line a batch.
class LatencyDrawing {
 public:
  explicit LatencyDrawing(std::vector<const LatencyFinding*> adapters) : all_(std::move(adapters)) {
    for (const LatencyFinding* f : all_) {
      lengths_.insert(f->length);
      batches_.insert(f->batch);
      widths_.insert(f->bottleneck);
    }
    figure_.name = "figure5";
    figure_.answers = "Figure 5";
    figure_.data.columns = {"panel", "bottleneck", "slowdown_percent", "low",   "high",
                            "batch", "length",     "variant",          "sweep", "base"};
  }

  Figure draw() {
    std::vector<std::int64_t> lengths(lengths_.begin(), lengths_.end());
    const std::size_t all = lengths.size();
    if (all > kMostLengths) lengths.resize(kMostLengths);
    grid_ = {.columns = lengths.size(),
             .rows = 2,
             .panel_width = 170,
             .panel_height = 170,
             .left = 70,
             .right = 110,
             .top = 34,
             .bottom = 58,
             .gap_x = 26,
             .gap_y = 62};
    std::string panels;
    std::size_t at = 0;
    for (const char* variant : {"adapter_h", "adapter_l"})
      for (const std::int64_t length : lengths) panels += panel(at++, variant, length);
    figure_.width = grid_.width();
    figure_.height = grid_.height();
    figure_.script = "set multiplot\n" + panels +
                     legend(grid_, legend_, grid_.width() - grid_.right + 8, grid_.top) +
                     "unset multiplot\n";
    const LatencyFinding& any = *all_.front();
    figure_.title =
        fmt::format("What adapters add to a forward pass, on {} (sweep {})", any.base, any.sweep);
    figure_.caption = fmt::format(
        "Percent of the base's time against the adapters' width, with 95 % intervals; a line is "
        "one "
        "batch, a column one length. Merged LoRA lies at 0 by construction (Table 1 has what was "
        "measured). The paper's Figure 5 shows the same as colours for widths 10, 100 and 250 of "
        "GPT-2 "
        "medium's 1024: over 30 % at batch 1 and 128 tokens. Its Table 1 has 2.2 to 8.4 % at "
        "batches "
        "of 32 and 16. Measured "
        "on {}.",
        machines_of(all_));
    if (all > lengths.size())
      figure_.caption +=
          fmt::format(" {} more lengths are not drawn; table1.csv has them.", all - lengths.size());
    return std::move(figure_);
  }

 private:
  std::string panel(std::size_t at, const std::string& variant, std::int64_t length) {
    // One scale, so that panels can be compared.
    std::vector<double> xs(widths_.begin(), widths_.end()), ys{0};
    for (const LatencyFinding* f : all_)
      for (const std::optional<double>& y : {std::optional(f->slowdown), f->low, f->high})
        if (y) ys.push_back(*y);
    std::string tics;
    for (const std::int64_t width : widths_)
      tics += fmt::format("{}{}", tics.empty() ? "" : ", ", width);
    const bool first = at % grid_.columns == 0;
    std::string script = grid_.place(at);
    script += fmt::format(
        "set title {} offset 0,-0.3\nset logscale x 2\nset xtics ({})\nset xrange {}\nset yrange "
        "{}\n"
        "set xlabel {}\nset ylabel {}\nset format y {}\nset grid y lc rgb '#999999' lw 0.3\nunset "
        "key\n",
        gnuplot_string(fmt::format("{}: {} tokens", method_label(variant), length), kTitleBytes),
        tics, range_text(axis_range(xs, true)), range_text(axis_range(ys, false)),
        at >= grid_.columns ? "'width of the bottleneck'" : "''", first ? "'added time, %'" : "''",
        first ? "'%g'" : "''");
    std::string bars, lines;
    std::size_t index = 0;
    for (const std::int64_t batch : batches_) {
      // Set a little apart, or the intervals would lie on one another.
      constexpr double kApart = 1.07;
      const double shift = std::pow(
          kApart, static_cast<double>(index) - 0.5 * static_cast<double>(batches_.size() - 1));
      const std::string colour = ordered_colour(index++, batches_.size());
      const RowRange range(figure_.data);
      for (const LatencyFinding* f : all_)
        if (f->variant == variant && f->length == length && f->batch == batch)
          figure_.data.rows.push_back({static_cast<std::int64_t>(at), f->bottleneck, f->slowdown,
                                       cell_of(f->low), cell_of(f->high), f->batch, f->length,
                                       f->variant, f->sweep, f->base});
      if (range.empty()) continue;
      bars += fmt::format(
          ", data {} skip 1 using ($2*{:.4f}):3:4:5 with yerrorbars pt 0 lw 1.2 lc rgb '{}'",
          range.every(), shift, colour);
      lines += fmt::format(
          ", data {} skip 1 using ($2*{:.4f}):3 with linespoints lw 2 pt 7 ps 0.6 lc rgb '{}'",
          range.every(), shift, colour);
      const std::string label = fmt::format("batch {}", batch);
      if (std::ranges::find(legend_, label, &LegendEntry::label) == legend_.end())
        legend_.push_back({label, colour, 7, true, false});
    }
    return script + "plot 0 with lines lw 1 lc rgb '#808080'" + bars + lines + "\n";
  }

  std::vector<const LatencyFinding*> all_;
  std::set<std::int64_t> lengths_, batches_, widths_;
  PanelGrid grid_;
  Figure figure_;
  std::vector<LegendEntry> legend_;
};

}  // namespace

FigureSet latency_figures(ReportData& data) {
  FigureSet set;
  for (std::vector<const LatencyFinding*> all : data.latencies_by_sweep()) {
    std::erase_if(all, [](const LatencyFinding* f) { return f->bottleneck == 0; });
    if (!all.empty()) set.figures.push_back(LatencyDrawing(std::move(all)).draw());
  }
  if (set.figures.empty())
    set.missing = "Not run: no forward pass was timed (experiments/paper/latency.yaml does).";
  return set;
}

}  // namespace rankscope
