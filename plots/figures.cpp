#include <fmt/format.h>

#include <array>

#include "common/text.h"
#include "plots/figure.h"
#include "plots/figures/makers.h"

namespace rankscope {

namespace {

constexpr std::array<FigureKind, 14> kFigureKinds{{
    {"contrasts", "The differences that the claims are about", &contrast_figures},
    {"figure2", "Score against trainable parameters", &parameter_figures},
    {"ranks", "Score against rank", &rank_figures},
    {"learning_curves", "Learning curves", &learning_curve_figures},
    {"figure3", "Directions shared between ranks", &between_ranks_figures},
    {"figure4", "Directions shared between seeds", &between_seeds_figures},
    {"figure5", "What adapters add to a forward pass", &latency_figures},
    {"figure6", "Directions shared between ranks, layer by layer", &between_ranks_layer_figures},
    {"figure7", "Directions shared between seeds, layer by layer", &between_seeds_layer_figures},
    {"figure8", "Directions of the update among those of W", &base_figures},
    {"amplification", "Amplification by rank", &amplification_figures},
    {"spectra", "Singular values of the update", &spectrum_figures},
    {"layer_maps", "Layer by site", &layer_map_figures},
    {"confusion", "Confusion matrix", &confusion_figures},
}};

}  // namespace

std::span<const FigureKind> figure_kinds() { return kFigureKinds; }

std::string figure_csv(const Figure& figure) {
  DataGrid grid = figure.data;
  for (Row& row : grid.rows) {
    for (Cell& cell : row)
      if (auto* text = std::get_if<std::string>(&cell))
        *text = printable(*text, text->size() * 4 + 4);
  }
  return csv_of(grid);
}

std::string gnuplot_file(const Figure& figure) {
  return fmt::format(
      "# gnuplot {0}.gp  draws {0}.svg from {0}.csv.\n"
      "if (!exists('rankscope_draws')) {{\n"
      "  set terminal svg size {1},{2} dynamic noenhanced font 'sans-serif,13'\n"
      "  set output '{0}.svg'\n"
      "}}\n"
      "data = '{0}.csv'\n"
      "set encoding utf8\n"
      "set datafile separator comma\n"
      "set border lw 0.7\n"
      "set tics nomirror scale 0.6\n"
      "set xlabel '' offset 0,0.6\n"
      "{3}",
      figure.name, figure.width, figure.height, figure.script);
}

}  // namespace rankscope
