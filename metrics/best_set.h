// Which groups of runs may be the best?
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "metrics/singular.h"

namespace rankscope {

// Ascending indices of the groups that cannot be told from the best, where more is better (multiple
// comparisons with the best, Hsu 1981): a group is left out where it lies below any other by
// difference_estimate, at alpha after Holm's adjustment over its comparisons. The best is in the
// set with probability 1 - alpha at least. groups: [seeds, examples] each, on the same examples; a
// group of one seed is told from none. Throws std::invalid_argument as difference_estimate does,
// and unless 0 < alpha < 1.
std::vector<std::size_t> best_set(std::span<const RealMatrix> groups, double alpha = 0.05);

}  // namespace rankscope
