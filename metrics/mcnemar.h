// Do two runs differ on the same examples?
#pragma once

#include "metrics/singular.h"

namespace rankscope {

// The exact two-sided p-value of McNemar's test (1947): of the examples that one run got right and
// the other wrong, are half on each side? Binomial(discordant, 1/2), twice the smaller tail, 1
// where none is discordant. It speaks of other examples for these two runs, not of other seeds.
// left, right: [examples], 0 or 1 each. Throws std::invalid_argument for other values and for
// unequal lengths.
double mcnemar_p(const RealVector& left, const RealVector& right);

}  // namespace rankscope
