#include "metrics/estimate.h"

#include <cmath>
#include <limits>
#include <stdexcept>

#include "metrics/distributions.h"
#include "metrics/needed_number.h"

namespace rankscope {

namespace {

void require_finite(const RealVector& values) {
  if (values.size() == 0) throw std::invalid_argument("an estimate needs at least one unit");
  if (!values.allFinite()) throw std::invalid_argument("an estimate needs finite values");
}

Estimate without_spread(double value) {
  return {.value = value,
          .variance = std::numeric_limits<double>::infinity(),
          .df = 1,
          .verdict = false};
}

void require_tested(const Estimate& estimate) {
  if (std::isnan(estimate.value) || !(estimate.variance >= 0) || !(estimate.df > 0))
    throw std::invalid_argument(
        "not an estimate: no value, a negative variance or no degrees of freedom");
}

}  // namespace

Estimate unit_estimate(const RealVector& units) {
  require_finite(units);
  if (units.size() == 1) return without_spread(units[0]);
  const auto n = static_cast<double>(units.size());
  // From the first unit, so that equal units have a variance of exactly 0.
  const RealVector shifted = units.array() - units[0];
  const double mean = shifted.mean();
  const double squares = (shifted.array() - mean).square().sum();
  return {.value = units[0] + mean, .variance = squares / (n - 1) / n, .df = n - 1};
}

Estimate jackknife_estimate(double all, const RealVector& leave_one_out) {
  require_finite(leave_one_out);
  if (!std::isfinite(all)) throw std::invalid_argument("an estimate needs finite values");
  if (leave_one_out.size() < 3) return without_spread(all);
  const auto n = static_cast<double>(leave_one_out.size());
  const RealVector shifted = leave_one_out.array() - leave_one_out[0];
  const double squares = (shifted.array() - shifted.mean()).square().sum();
  return {.value = all, .variance = (n - 1) / n * squares, .df = n - 1};
}

std::optional<std::int64_t> needed_units(const Estimate& estimate, double size) {
  if (!(size > 0) || std::isinf(size))
    throw std::invalid_argument("a difference to find is above 0");
  if (!estimate.verdict) return std::nullopt;
  const double of_one = estimate.variance * (estimate.df + 1);
  constexpr std::int64_t kMostUnits = 1'000'000;
  return smallest_number(2, kMostUnits, [&](std::int64_t n) {
    const auto units = static_cast<double>(n);
    return is_told(size, of_one / units, units - 1);
  });
}

Interval interval(const Estimate& estimate, double confidence) {
  require_tested(estimate);
  if (!(confidence > 0 && confidence < 1))
    throw std::invalid_argument("a confidence lies between 0 and 1");
  const double half =
      student_t_quantile((1 + confidence) / 2, estimate.df) * std::sqrt(estimate.variance);
  return {.low = estimate.value - half, .high = estimate.value + half};
}

double p_above(const Estimate& estimate, double bound) {
  require_tested(estimate);
  if (std::isnan(bound)) throw std::invalid_argument("a bound is a number");
  const double excess = estimate.value - bound;
  if (estimate.variance == 0) return excess > 0 ? 0 : 1;
  return student_t_cdf(-excess / std::sqrt(estimate.variance), estimate.df);
}

double p_below(const Estimate& estimate, double bound) {
  Estimate mirrored = estimate;
  mirrored.value = -estimate.value;
  return p_above(mirrored, -bound);
}

}  // namespace rankscope
