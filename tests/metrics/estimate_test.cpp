// Estimates from units, and the intervals and p-values of estimates.
#include "metrics/estimate.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>

using namespace rankscope;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TEST_CASE("units: their mean, s^2 / n and n - 1") {
  // Deviations -2, 0, 1, 1: 6 / 3 / 4.
  const Estimate units = unit_estimate(RealVector{{1, 3, 4, 4}});
  CHECK(units.value == Approx(3));
  CHECK(units.variance == Approx(0.5));
  CHECK(units.df == 3);
  CHECK(units.verdict);
  CHECK(unit_estimate(RealVector{{0.1, 0.1, 0.1}}).variance == 0);
}

TEST_CASE("one unit tells nothing of others") {
  const Estimate one = unit_estimate(RealVector{{0.7}});
  CHECK(one.value == 0.7);
  CHECK(one.variance == kInfinity);
  CHECK_FALSE(one.verdict);
  CHECK(interval(one).low == -kInfinity);
  CHECK(interval(one).high == kInfinity);
  CHECK(p_above(one, 0) == 0.5);
}

TEST_CASE("the jackknife of a mean is the mean's own variance") {
  const RealVector units{{1, 3, 4, 4}};
  RealVector without(4);
  for (Eigen::Index k = 0; k < 4; ++k) without[k] = (units.sum() - units[k]) / 3;
  const Estimate mean = jackknife_estimate(3, without);
  CHECK(mean.value == 3);
  CHECK(mean.variance == Approx(0.5));
  CHECK(mean.df == 3);
  CHECK(mean.verdict);
}

TEST_CASE("the jackknife of a mean over pairs of units") {
  // |a - b| over the pairs of 0, 1, 3: 1, 3, 2. Without 0: 2, without 1: 3, without 3: 1.
  const Estimate pairs = jackknife_estimate(2, RealVector{{2, 3, 1}});
  CHECK(pairs.variance == Approx(2.0 / 3 * 2));
  CHECK(pairs.df == 2);
  // Of two units none leaves a pair.
  CHECK_FALSE(jackknife_estimate(2, RealVector{{2, 3}}).verdict);
  CHECK(jackknife_estimate(2, RealVector{{2, 3}}).variance == kInfinity);
}

TEST_CASE("intervals have Student's width") {
  const Estimate estimate{.value = 2, .variance = 0.25, .df = 4};
  // t(4): 2.776445 at 97.5 %, 2.131847 at 95 %.
  CHECK(interval(estimate).low == Approx(2 - 0.5 * 2.776445));
  CHECK(interval(estimate).high == Approx(2 + 0.5 * 2.776445));
  CHECK(interval(estimate, 0.9).high == Approx(2 + 0.5 * 2.131847));
  CHECK(interval({.value = 2, .variance = 0.25, .df = kInfinity}).high == Approx(2.979982));
}

TEST_CASE("p-values are one-sided, and agree with intervals") {
  const Estimate estimate{.value = 2, .variance = 0.25, .df = 4};
  const Interval both = interval(estimate, 0.9);
  CHECK(p_above(estimate, both.low) == Approx(0.05));
  CHECK(p_below(estimate, both.high) == Approx(0.05));
  CHECK(p_above(estimate, 2) == 0.5);
  CHECK(p_above(estimate, 1.7) + p_below(estimate, 1.7) == Approx(1));
  CHECK(p_above(estimate, -20) < 1e-5);
}

TEST_CASE("without variance a p-value is 0 or 1, and 1 on the bound") {
  const Estimate exact{.value = 2, .variance = 0, .df = 4};
  CHECK(p_above(exact, 1.9) == 0);
  CHECK(p_above(exact, 2) == 1);
  CHECK(p_above(exact, 2.1) == 1);
  CHECK(p_below(exact, 1.9) == 1);
  CHECK(p_below(exact, 2) == 1);
  CHECK(p_below(exact, 2.1) == 0);
}

TEST_CASE("estimates refuse what has no meaning") {
  CHECK_THROWS_AS(unit_estimate(RealVector()), std::invalid_argument);
  CHECK_THROWS_AS(unit_estimate(RealVector{{1, kNan}}), std::invalid_argument);
  CHECK_THROWS_AS(jackknife_estimate(1, RealVector()), std::invalid_argument);
  CHECK_THROWS_AS(jackknife_estimate(kNan, RealVector{{1, 2, 3}}), std::invalid_argument);
  CHECK_THROWS_AS(jackknife_estimate(1, RealVector{{1, 2, kInfinity}}), std::invalid_argument);
  const Estimate estimate{.value = 2, .variance = 0.25, .df = 4};
  CHECK_THROWS_AS(interval(estimate, 1), std::invalid_argument);
  CHECK_THROWS_AS(interval(estimate, 0), std::invalid_argument);
  CHECK_THROWS_AS(p_above(estimate, kNan), std::invalid_argument);
  CHECK_THROWS_AS(p_below({.value = kNan, .variance = 1, .df = 1}, 0), std::invalid_argument);
  CHECK_THROWS_AS(interval({.value = 0, .variance = -1, .df = 1}), std::invalid_argument);
  CHECK_THROWS_AS(interval({.value = 0, .variance = 1, .df = 0}), std::invalid_argument);
}
