// What phi between random subspaces is, beside which that of adapters is read.
#pragma once

#include <vector>

#include "plots/adapters.h"

namespace rankscope {

// max(i, j) / dimension, [rows, cols]: the expectation of phi between random subspaces.
std::vector<double> chance_phi(const PhiMean& like);

// Between which 95 % of the means over as many random pairs as `like` has lie, [rows, cols]. Of one
// pair, and of none, as stored. Empty where the analysis stored none of that shape: of large
// matrices it costs more than it tells.
struct PhiBand {
  std::vector<double> low, high;
};
PhiBand chance_band_of(ReportData& data, const PhiMean& like);

}  // namespace rankscope
