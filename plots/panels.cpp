#include "plots/panels.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "plots/escape.h"

namespace rankscope {

int PanelGrid::width() const {
  return left + right + static_cast<int>(columns) * panel_width +
         static_cast<int>(columns - 1) * gap_x;
}

int PanelGrid::height() const {
  return top + bottom + static_cast<int>(rows) * panel_height + static_cast<int>(rows - 1) * gap_y;
}

std::string PanelGrid::place(std::size_t panel) const {
  const int x = left + static_cast<int>(panel % columns) * (panel_width + gap_x);
  const int y = top + static_cast<int>(panel / columns) * (panel_height + gap_y);
  const double w = width(), h = height();
  return fmt::format(
      "set lmargin at screen {:.5f}\nset rmargin at screen {:.5f}\nset tmargin at screen {:.5f}\n"
      "set bmargin at screen {:.5f}\n",
      x / w, (x + panel_width) / w, 1 - y / h, 1 - (y + panel_height) / h);
}

std::string PanelGrid::at(int x, int y) const {
  return fmt::format("screen {:.5f}, screen {:.5f}", static_cast<double>(x) / width(),
                     1 - static_cast<double>(y) / height());
}

PanelGrid measured_beside_paper(std::size_t tasks, bool paper) {
  return {.columns = paper ? 2u : 1u,
          .rows = tasks,
          .panel_width = 250,
          .panel_height = 200,
          .left = 90,
          .right = 190,
          .top = 34,
          .bottom = 60,
          .gap_x = 60,
          .gap_y = 88};
}

std::string RowRange::every() const {
  return fmt::format("every ::{}::{}", first_, data_.rows.size() - 1);
}

AxisRange axis_range(const std::vector<double>& values, bool logarithmic) {
  std::vector<double> kept;
  for (const double value : values)
    if (std::isfinite(value) && (!logarithmic || value > 0)) kept.push_back(value);
  if (kept.empty()) return logarithmic ? AxisRange{1, 10} : AxisRange{0, 1};
  const auto [low, high] = std::ranges::minmax(kept);
  constexpr double kFactor = 1.5, kShare = 0.06;
  if (logarithmic) return {low / kFactor, high * kFactor};
  const double margin = high > low ? kShare * (high - low) : std::max(1.0, 0.1 * std::abs(high));
  return {low - margin, high + margin};
}

std::string logarithmic_tics(const AxisRange& range) {
  const double ratio = range.high / range.low;
  if (ratio >= 1000) return "autofreq";
  const std::vector<double> steps = ratio >= 100  ? std::vector<double>{1, 3}
                                    : ratio >= 10 ? std::vector<double>{1, 2, 5}
                                                  : std::vector<double>{1, 2, 3, 4, 5, 7};
  std::vector<std::string> marks;
  for (double decade = std::pow(10, std::floor(std::log10(range.low))); decade <= range.high;
       decade *= 10)
    for (const double step : steps)
      if (const double mark = decade * step; mark >= range.low && mark <= range.high)
        marks.push_back(fmt::format("{:.6g}", mark));
  return fmt::format("({})", fmt::join(marks, ", "));
}

double whole_tic_step(double last) {
  double step = 1;
  while (last / step > 4) step *= last / step > 8 ? (last / step > 20 ? 10 : 5) : 2;
  return step;
}

std::string range_text(const AxisRange& range) {
  return fmt::format("[{:.6g}:{:.6g}]", range.low, range.high);
}

namespace {

// In gnuplot's measure and in pixels. A short one shows a single dash, which looks solid.
struct LegendSample {
  int length = 2, width = 48;
};
LegendSample legend_sample(bool dashes) { return dashes ? LegendSample{4, 66} : LegendSample{}; }

}  // namespace

int legend_width(std::size_t longest_label, bool dashes) {
  return legend_sample(dashes).width +
         kLetterWidth * static_cast<int>(std::min(longest_label, kWidestLegend) + 2);
}

std::string legend(const PanelGrid& grid, const std::vector<LegendEntry>& entries, int x, int y) {
  if (entries.empty()) return {};
  std::string text =
      "reset\nset lmargin at screen 0\nset rmargin at screen 1\nset tmargin at screen 1\n"
      "set bmargin at screen 0\nunset border\nunset tics\nset xrange [0:1]\nset yrange [0:1]\n";
  const LegendSample sample =
      legend_sample(std::ranges::any_of(entries, [](const LegendEntry& e) { return e.dashed; }));
  text += fmt::format("set key at {} left top Left reverse samplen {} spacing 1.15\nplot ",
                      grid.at(x, y), sample.length);
  const int room = std::max(0, (grid.width() - x - sample.width) / kLetterWidth);
  const std::size_t most = std::max(kLegendBytes, static_cast<std::size_t>(room));
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const LegendEntry& e = entries[i];
    text += fmt::format("{}1/0 with {} lc rgb '{}' lw 2{}{} title {}", i == 0 ? "" : ", ",
                        e.point == 0 ? "lines"
                        : e.line     ? "linespoints"
                                     : "points",
                        e.colour, e.dashed ? " dt 2" : "",
                        e.point == 0 ? "" : fmt::format(" pt {} ps 0.9", e.point),
                        gnuplot_string(e.label, most));
  }
  return text + "\n";
}

}  // namespace rankscope
