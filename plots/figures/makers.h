// What plots/figures holds: a function for each kind of figure, listed in plots/figures.cpp.
#pragma once

#include "plots/figure.h"

namespace rankscope {

FigureSet contrast_figures(ReportData& data);
FigureSet parameter_figures(ReportData& data);
FigureSet rank_figures(ReportData& data);
FigureSet learning_curve_figures(ReportData& data);
FigureSet between_ranks_figures(ReportData& data);
FigureSet between_seeds_figures(ReportData& data);
FigureSet latency_figures(ReportData& data);
FigureSet between_ranks_layer_figures(ReportData& data);
FigureSet between_seeds_layer_figures(ReportData& data);
FigureSet base_figures(ReportData& data);
FigureSet amplification_figures(ReportData& data);
FigureSet spectrum_figures(ReportData& data);
FigureSet layer_map_figures(ReportData& data);
FigureSet confusion_figures(ReportData& data);

}  // namespace rankscope
