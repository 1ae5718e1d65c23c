#include "plots/heat_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "plots/escape.h"
#include "plots/palette.h"
#include "plots/panels.h"

namespace rankscope {

namespace {

// At most about six tics, at steps that people count in.
std::string tics(std::int64_t count, const std::vector<std::string>& names) {
  std::string text;
  std::int64_t step = 1;
  constexpr std::int64_t kMost = 6;
  for (const std::int64_t each : {1, 2, 4, 5, 10, 20, 50, 100, 200, 500, 1000}) {
    step = each;
    if (count / each <= kMost) break;
  }
  for (std::int64_t i = 1; i <= count; ++i) {
    const auto at = static_cast<std::size_t>(i - 1);
    if (at < names.size()) {
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", gnuplot_tic(names[at], 12), i);
    } else if (names.empty() && (i == 1 || i % step == 0) && !(i == 1 && step > 1 && step < 3)) {
      text += fmt::format("{}'{}' {}", text.empty() ? "" : ", ", i, i);
    }
  }
  return "(" + text + ")";
}

std::string scale_bar(const HeatMap& map, const PanelGrid& grid) {
  constexpr int kWidth = 14;
  const int x = grid.width() - grid.right + 20;
  const int height = std::min(grid.height() - grid.top - grid.bottom, 260);
  const auto corner = grid.at(x, grid.top + height);
  return fmt::format(
      "set colorbox user origin {} size {:.5f},{:.5f}\nset cblabel {} offset 0.8,0\n", corner,
      static_cast<double>(kWidth) / grid.width(), static_cast<double>(height) / grid.height(),
      gnuplot_string(map.scale_label));
}

}  // namespace

void draw_heat_map(const HeatMap& map, Figure& figure) {
  PanelGrid grid{.columns = map.columns,
                 .rows = (map.panels.size() + map.columns - 1) / map.columns,
                 .panel_width = map.panel_width,
                 .panel_height = map.panel_height,
                 .left = map.left,
                 .right = 118,
                 .top = 34,
                 .bottom = 56,
                 .gap_x = 34,
                 .gap_y = 60};
  figure.data.columns = {"panel", "i", "j", "value", "title"};
  figure.data.columns.insert(figure.data.columns.end(), map.more_columns.begin(),
                             map.more_columns.end());
  std::string script = "set multiplot\n" + viridis_palette();
  // A short scale has room for few tics.
  const int tics_wanted = grid.height() - grid.top - grid.bottom < 150 ? 4 : 5;
  script += fmt::format("set cbrange [{:.6g}:{:.6g}]\nset cbtics {:.3g} scale 0.5\nunset key\n",
                        map.low, map.high, (map.high - map.low) / tics_wanted);
  script +=
      "set object 1 rectangle from graph 0,0 to graph 1,1 behind fs solid noborder fc rgb "
      "'#b8b8b8'\n";
  bool first = true;
  for (std::size_t at = 0; at < map.panels.size(); ++at) {
    const HeatPanel& panel = map.panels[at];
    if (panel.values.empty()) continue;
    const RowRange range(figure.data);
    bool undefined = false;
    for (std::int64_t i = 0; i < panel.rows; ++i) {
      for (std::int64_t j = 0; j < panel.cols; ++j) {
        const auto index = static_cast<std::size_t>(i * panel.cols + j);
        const double value = panel.values[index];
        undefined = undefined || std::isnan(value);
        Row row{static_cast<std::int64_t>(at), i + 1, j + 1,
                std::isnan(value) ? Cell() : Cell(value), panel.title};
        if (index < panel.more.size())
          row.insert(row.end(), panel.more[index].begin(), panel.more[index].end());
        row.resize(figure.data.columns.size());
        figure.data.rows.push_back(std::move(row));
      }
    }
    script += grid.place(at);
    script += fmt::format(
        "set title {} offset 0,-0.6\nset xrange [0.5:{}.5]\nset yrange [{}.5:0.5]\nset xtics "
        "{}\nset ytics {}\n",
        gnuplot_string(panel.title, kTitleBytes), panel.cols, panel.rows,
        tics(panel.cols, map.column_names),
        at % grid.columns == 0 || map.row_names.empty() ? tics(panel.rows, map.row_names)
                                                        : "('' 1)");
    const bool lowest =
        at + grid.columns >= map.panels.size() || map.panels[at + grid.columns].values.empty();
    script +=
        fmt::format("set xlabel {}\nset ylabel {}\n", lowest ? gnuplot_string(map.x_label) : "''",
                    at % grid.columns == 0 ? gnuplot_string(map.y_label) : "''");
    script += first ? scale_bar(map, grid) : "unset colorbox\n";
    first = false;
    // An image wants a full grid of at least two by two; boxes can be left out one by one.
    constexpr std::int64_t kMostBoxes = 64;
    const bool boxes =
        undefined || panel.rows < 2 || panel.cols < 2 || panel.rows * panel.cols <= kMostBoxes;
    script += fmt::format("plot data {} skip 1 using 3:2:", range.every());
    script +=
        boxes ? "($3-0.5):($3+0.5):($2-0.5):($2+0.5):4 with boxxyerror fs solid noborder fc palette"
              : "4 with image";
    if (map.written_decimals >= 0) {
      // Light on the dark half of the scale.
      const double middle = map.low + 0.55 * (map.high - map.low);
      for (const bool dark : {true, false})
        script += fmt::format(
            ", data {} skip 1 using 3:($4 {} {:.6g} ? $2 : NaN):(sprintf('%.{}f', $4)) with labels "
            "tc rgb '{}'",
            range.every(), dark ? "<" : ">=", middle, map.written_decimals,
            dark ? "#ffffff" : "#000001");
    }
    script += "\n";
  }
  figure.script = script + "unset multiplot\n";
  figure.width = grid.width();
  figure.height = grid.height();
}

}  // namespace rankscope
