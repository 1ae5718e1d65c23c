// Drawing the figures with gnuplot.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "plots/figure.h"

namespace rankscope {

struct Drawn {
  std::vector<bool> figures;         // which have their SVG (and PNG)
  std::vector<std::string> missing;  // a sentence for what was not drawn, and what to do
};

// Draws NAME.svg, and where asked NAME.png, from NAME.gp and NAME.csv, which lie in `folder`: with
// one process of gnuplot, and one more after each figure that it refuses. Needs gnuplot 5.2 or
// newer on PATH; without it nothing is drawn, and `missing` says so. It reads no file of the user's
// settings. A figure that takes longer than `limit` is given up. Interrupted where a stop was
// requested.
Drawn draw_figures(const std::vector<Figure>& figures, const std::filesystem::path& folder,
                   bool png, std::chrono::seconds limit = std::chrono::seconds(60));

}  // namespace rankscope
