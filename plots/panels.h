// Small multiples: where the panels of a figure lie, and the gnuplot commands that all of them
// share.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "plots/figure.h"

namespace rankscope {

// Longer texts would lie over what is beside them; the CSV has them whole.
inline constexpr std::size_t kTitleBytes = 38, kLegendBytes = 24, kWidestLegend = 60;
// Of a figure's text, in its pixels. Names of matrices are capitals and digits, wider than the font
// is on average.
inline constexpr int kLetterWidth = 8;

// Panels of a figure that has one, or a row of them, for each task.
inline constexpr std::size_t kMostTasks = 4;

// Lengths in pixels of the SVG. Panels are filled row by row.
struct PanelGrid {
  std::size_t columns = 1, rows = 1;
  int panel_width = 300, panel_height = 220;
  int left = 70, right = 20, top = 30, bottom = 55;  // around all panels
  int gap_x = 70, gap_y = 75;

  int width() const;
  int height() const;
  // set lmargin ... : the panel's place on the figure.
  std::string place(std::size_t panel) const;
  // A place of the whole figure as gnuplot's "screen X, screen Y", from pixels from the left and
  // the top.
  std::string at(int x, int y) const;
};

// A row a task: what was measured at the left, the paper's at the right, a legend beside them.
PanelGrid measured_beside_paper(std::size_t tasks, bool paper);

// The rows of `data` that a panel or a series is drawn from, as they are appended.
class RowRange {
 public:
  explicit RowRange(const DataGrid& data) : data_(data), first_(data.rows.size()) {}
  // "every ::3::9", of the rows since; gnuplot does not count the line with the names.
  std::string every() const;
  bool empty() const { return data_.rows.size() == first_; }

 private:
  const DataGrid& data_;
  std::size_t first_;
};

// Around all values, with a margin; never of no width. For a logarithmic axis the margin is a
// factor, and values that are not positive are left out.
struct AxisRange {
  double low = 0, high = 1;
};
AxisRange axis_range(const std::vector<double>& values, bool logarithmic);
// What gnuplot's `set xtics` takes for a logarithmic axis: marks of its own where whole decades
// alone would leave an axis with one or none, so few that their labels have room on a panel.
std::string logarithmic_tics(const AxisRange& range);
// The same for an axis of whole numbers from 0 or 1 on: the distance between two marks.
double whole_tic_step(double last);
// "[0.1:7]".
std::string range_text(const AxisRange& range);

// One entry of a legend beside the panels, drawn without the data so that each stands there once.
struct LegendEntry {
  std::string label, colour;
  int point = 0;  // gnuplot's type; 0 for none
  bool line = true;
  bool dashed = false;
};
// What a legend of labels so long (in bytes) needs of a figure's width: up to kWidestLegend bytes.
// `dashes`: whether one of its lines is dashed.
int legend_width(std::size_t longest_label, bool dashes);
// A plot without axes that draws nothing but the legend, from `y` pixels below the top on, at `x`.
// Labels are cut to what fits beside it, kLegendBytes at least.
std::string legend(const PanelGrid& grid, const std::vector<LegendEntry>& entries, int x, int y);

}  // namespace rankscope
