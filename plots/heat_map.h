// Matrices as coloured cells, several beside each other on one scale.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plots/figure.h"
#include "results/query.h"

namespace rankscope {

struct HeatPanel {
  std::string title;
  std::int64_t rows = 0, cols = 0;
  std::vector<double> values;  // [rows, cols]; NaN where undefined
  std::vector<Row> more;       // further columns of the CSV, one for each value; may be empty
};

// A matrix of `panels`, row by row; one without values leaves its place free.
struct HeatMap {
  std::vector<HeatPanel> panels;
  std::size_t columns = 1;
  int panel_width = 200, panel_height = 160;
  int left = 66;             // beside the panels, for the names of rows
  double low = 0, high = 1;  // the scale's ends
  std::string x_label, y_label, scale_label;
  // Under the columns and beside the rows in the place of 1, 2, 3, ...; may be empty.
  std::vector<std::string> column_names, row_names;
  // Each cell's value is written into it, with this many digits behind the point; none where
  // negative.
  int written_decimals = -1;
  std::vector<std::string> more_columns;  // names for HeatPanel::more
};

// Fills the figure's data (panel, i, j, value, ...), script and size. i and j count from 1.
void draw_heat_map(const HeatMap& map, Figure& figure);

}  // namespace rankscope
