// A value with its standard error, and Student's t intervals and tests of it.
#pragma once

#include <cstdint>
#include <optional>

#include "metrics/singular.h"

namespace rankscope {

// A value with what is needed to test it.
struct Estimate {
  double value = 0;
  double variance = 0;  // of `value`; infinity where nothing tells how far it may lie off
  double df = 0;        // of a Student's t; infinity allowed
  // False where a group has one seed: then nothing is known of other seeds, and `variance` speaks
  // of other examples for these very runs at best.
  bool verdict = true;
};

struct Interval {
  double low = 0, high = 0;
};

// Units (seeds) with one value each: mean, s^2 / n, n - 1. Of one unit the variance is infinite and
// `verdict` false. Throws std::invalid_argument for none and for values that are not finite, as all
// do here.
Estimate unit_estimate(const RealVector& units);

// Of a statistic of pairs of n units: `all` from all of them, leave_one_out[k] without unit k.
// Variance (n - 1) / n * sum of squared deviations of leave_one_out from its mean (Tukey's
// jackknife; too large rather than too small on average, Efron and Stein 1981), n - 1 degrees of
// freedom. With fewer than three units none leaves a pair behind: as one unit above.
Estimate jackknife_estimate(double all, const RealVector& leave_one_out);

// Units with which a |value| of `size` > 0 would be told from 0 with power 0.8 at two-sided 0.05,
// if they vary as the df + 1 here: of n units the variance falls as 1 / n, which a jackknife's does
// nearly, with n - 1 degrees of freedom. None where no number up to 1e6 suffices, and where
// `verdict` is false. Throws std::invalid_argument for a size that is not above 0 and finite.
std::optional<std::int64_t> needed_units(const Estimate& estimate, double size);

// value -+ the (1 + confidence) / 2 quantile * standard error. 0 < confidence < 1.
Interval interval(const Estimate& estimate, double confidence = 0.95);

// One-sided p-values: of "the truth is <= bound" against above, of "the truth is >= bound" against
// below. Without variance 0 on the side of the alternative, 1 elsewhere.
double p_above(const Estimate& estimate, double bound);
double p_below(const Estimate& estimate, double bound);

}  // namespace rankscope
