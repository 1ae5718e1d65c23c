// A figure: its data, how it is drawn, and what is said below it.
//
// A new one is a file in plots/figures and a line in figures.cpp.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plots/data_grid.h"

namespace rankscope {

class ReportData;

struct Figure {
  std::string name;  // of its files: letters, digits and '_'
  std::string title;
  std::string caption;  // what the reader should see, and what was left out
  std::string answers;  // "Figure 3", of the paper; empty where the paper has none
  // Columns that gnuplot reads stand first and hold numbers.
  DataGrid data;
  // gnuplot's commands. They read the variable `data`, the CSV's path, and set neither a terminal
  // nor an output.
  std::string script;
  int width = 760, height = 420;  // of the SVG, in its units and in CSS pixels
};

struct FigureSet {
  std::vector<Figure> figures;
  std::string missing;  // a sentence: why there is none, or what else there would be
};

struct FigureKind {
  std::string_view name;
  std::string_view title;  // what stands in the place of figures that are missing
  FigureSet (*make)(ReportData& data);
};

// In the order of the page.
std::span<const FigureKind> figure_kinds();

// The whole of figures/NAME.gp: run as it stands it draws NAME.svg beside it.
std::string gnuplot_file(const Figure& figure);

// The whole of figures/NAME.csv. Line ends in texts are spelt \n: gnuplot takes each line for a
// row.
std::string figure_csv(const Figure& figure);

}  // namespace rankscope
