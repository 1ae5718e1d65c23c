// Means and differences of seeds by examples: hand-worked, and against NumPy's analysis of
// variance.
#include "metrics/crossed_design.h"

#include <catch2/catch.hpp>

#include <limits>

#include "metrics/distributions.h"
#include "tests/metrics/coverage.h"
#include "tests/metrics/statistics_goldens.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

void check_equal(const Estimate& got, const Json& want) {
  CHECK(got.value == Approx(want["value"].get<double>()).margin(1e-14));
  CHECK(got.variance == Approx(want["variance"].get<double>()).epsilon(1e-10));
  CHECK(got.df == Approx(want["df"].get<double>()).epsilon(1e-6));
}

}  // namespace

TEST_CASE("a difference worked by hand") {
  const RealMatrix left{{1, 1, 0, 1}, {1, 0, 0, 1}}, right{{0, 1, 0, 0}, {0, 1, 0, 1}};
  const Estimate difference = difference_estimate(left, right);
  // Seed means 3/4, 2/4 and 1/4, 2/4: s2_g = 1/32 each. Residuals -+1/8 (six) and -+3/8 (two) in
  // each group: MSE_g = 3/8 / 3. D = 1, -1/2, 0, 1/2: squares 1.5 - 4 / 16 = 5/4, and 1/2 is added.
  const double seeds = 2 * (1.0 / 32) / 2, examples = (5.0 / 4 + 0.5) / 3 / 4 - 2 * (1.0 / 8) / 8;
  CHECK(difference.value == 0.25);
  CHECK(difference.variance == Approx(seeds + examples));
  // Two equal parts with 1 degree of freedom each have 2 together; t(2) = 4.302653, t(3)
  // = 3.182446.
  const double weight = seeds / (seeds + examples);
  CHECK(student_t_quantile(0.975, difference.df) ==
        Approx(weight * 4.302653 + (1 - weight) * 3.182446));
  CHECK(difference.verdict);
  const Estimate mirrored = difference_estimate(right, left);
  CHECK(mirrored.value == -difference.value);
  CHECK(mirrored.variance == Approx(difference.variance));
}

TEST_CASE("a mean worked by hand") {
  const RealMatrix outcomes{{1, 1, 0, 1}, {1, 0, 0, 1}};
  const Estimate mean = mean_estimate(outcomes);
  // Example means 1, 1/2, 0, 1 about 5/8: squares 9/4 - 25/16 = 11/16. The rest as above.
  const double seeds = (1.0 / 32) / 2, examples = (11.0 / 16) / 3 / 4 - (1.0 / 8) / 8;
  CHECK(mean.value == 0.625);
  CHECK(mean.variance == Approx(seeds + examples));
  const double weight = seeds / (seeds + examples);
  CHECK(student_t_quantile(0.975, mean.df) == Approx(weight * 12.706205 + (1 - weight) * 3.182446));
}

TEST_CASE("estimates and Wilson's intervals are those of NumPy and SciPy") {
  for (const Json& json : statistics_goldens()["designs"]) {
    const RealMatrix left = matrix_of(json["left"]), right = matrix_of(json["right"]);
    CAPTURE(left.rows(), right.rows(), left.cols());
    check_equal(mean_estimate(left), json["mean"]);
    check_equal(difference_estimate(left, right), json["difference"]);
    CHECK(mean_estimate(left).verdict == (left.rows() > 1));
    CHECK(difference_estimate(left, right).verdict == (left.rows() > 1 && right.rows() > 1));
    if (json["wilson"].is_null()) {
      const Interval plain = interval(mean_estimate(left), 0.9);
      CHECK(mean_interval(left, 0.9).low == plain.low);
      CHECK(mean_interval(left, 0.9).high == plain.high);
      continue;
    }
    for (const int i : {0, 1}) {
      const Interval got = mean_interval(left, i == 0 ? 0.95 : 0.8);
      CHECK(got.low == Approx(json["wilson"][i][0].get<double>()).epsilon(1e-6));
      CHECK(got.high == Approx(json["wilson"][i][1].get<double>()).epsilon(1e-6));
    }
  }
}

TEST_CASE("no interval of a score's mean leaves the scores' range") {
  const RealMatrix low{{0.0, 0.3, 0.02}, {0.1, 0.0, 0.05}};
  const RealMatrix high = RealMatrix::Ones(2, 3) - low, beyond = RealMatrix::Ones(2, 3) + low;
  REQUIRE(interval(mean_estimate(low)).low < 0);
  CHECK(mean_interval(low).low == 0);
  CHECK(mean_interval(low).high == interval(mean_estimate(low)).high);
  CHECK(mean_interval(high).high == 1);
  CHECK(mean_interval(high).low == Approx(1 - mean_interval(low).high));
  CHECK(mean_interval(beyond).high > 1);  // of what is no share of anything
}

TEST_CASE("seeds that differ by more than residuals say count in full") {
  // Every example moves with its seed alone: no residual, no example effect, V = s2 / S.
  const RealMatrix left{{0.2, 0.2, 0.2}, {0.4, 0.4, 0.4}, {0.9, 0.9, 0.9}};
  const Estimate mean = mean_estimate(left);
  CHECK(mean.variance == Approx(0.13 / 3));
  CHECK(mean.df == Approx(2));
  // Against one seed: 2 degrees of freedom still, but no verdict.
  const Estimate difference = difference_estimate(left, RealMatrix::Constant(1, 3, 0.1));
  CHECK(difference.variance == Approx(0.13 / 3));
  CHECK_FALSE(difference.verdict);
}

TEST_CASE("a difference from a fixed row worked by hand") {
  const RealMatrix left{{1, 1, 0, 1}, {1, 0, 0, 1}}, base{{0, 1, 0, 0}};
  const Estimate difference = difference_estimate(left, base, {.right = true});
  // s2_left = 1/32 and MSE_left = 1/8 as above, the row has neither. D = 1, -1/2, 0, 1 about 3/8:
  // squares 9/4 - 9/16 = 27/16, and (1/2 + 1) / 2 is added.
  const double seeds = (1.0 / 32) / 2, examples = (27.0 / 16 + 0.75) / 3 / 4 - (1.0 / 8) / 8;
  CHECK(difference.value == 0.375);
  CHECK(difference.variance == Approx(seeds + examples));
  // Of the left side's seeds 1 degree of freedom, t(1) = 12.706205, none of the row's.
  const double weight = seeds / (seeds + examples);
  CHECK(student_t_quantile(0.975, difference.df) ==
        Approx(weight * 12.706205 + (1 - weight) * 3.182446));
  CHECK(difference.verdict);
  const Estimate mirrored = difference_estimate(base, left, {.left = true});
  CHECK(mirrored.value == -difference.value);
  CHECK(mirrored.variance == Approx(difference.variance));
  CHECK(mirrored.df == Approx(difference.df));
  CHECK(mirrored.verdict);
  // A run of one seed beside it leaves nothing known of other seeds; of two fixed rows no seed is.
  CHECK_FALSE(difference_estimate(left.topRows(1), base, {.right = true}).verdict);
  const Estimate both = difference_estimate(left.topRows(1), base, {.left = true, .right = true});
  CHECK(both.verdict);
  // D = 1, 0, 0, 1: squares 1, and 1 is added.
  CHECK(both.variance == Approx(2.0 / 3 / 4));
  CHECK(both.df == 3);
  CHECK_THROWS_AS(difference_estimate(base, left, {.right = true}), std::invalid_argument);
}

TEST_CASE("a difference from a fixed row is the mean of what each outcome differs by") {
  const RealMatrix left{
      {0.2, 0.7, 0.4, 0.9, 0.3}, {0.5, 0.6, 0.1, 0.8, 0.7}, {0.3, 0.9, 0.6, 1, 0.2}};
  const RealMatrix base{{0.1, 0.3, 0.6, 0.2, 0.4}};
  const Estimate difference = difference_estimate(left, base, {.right = true});
  const Estimate mean = mean_estimate(left.rowwise() - base.row(0));
  CHECK(difference.value == Approx(mean.value));
  CHECK(difference.variance == Approx(mean.variance));
  CHECK(difference.df == Approx(mean.df));
  CHECK(difference.verdict);
}

TEST_CASE("seeds whose counts tie leave the examples' whole variance") {
  const RealMatrix left{{1, 0, 1, 0}, {0, 1, 1, 0}}, right{{0, 0, 1, 0}, {1, 0, 0, 0}};
  // D = 0, 1/2, 1/2, 0: squares 1/4, and 1/2 is added.
  const Estimate difference = difference_estimate(left, right);
  CHECK(difference.variance == Approx(0.75 / 3 / 4));
  CHECK(difference.df == 3);
}

TEST_CASE("no interval is without width where all outcomes agree") {
  const RealMatrix ones = RealMatrix::Ones(3, 50), tenths = RealMatrix::Constant(2, 50, 0.1);
  CHECK(difference_estimate(ones, ones).variance == Approx(1.0 / 49 / 50));
  CHECK(difference_estimate(ones, tenths).variance == Approx(1.0 / 49 / 50));
  CHECK(difference_estimate(ones, tenths).df == 49);
  CHECK(mean_estimate(ones).variance == Approx(0.5 / 49 / 50));
  // Wilson's with 50 examples: t^2 / (50 + t^2) below 1, t(49) = 2.009575.
  CHECK(mean_interval(ones).high == 1);
  CHECK(mean_interval(ones).low == Approx(1 - 4.038393 / 54.038393));
  CHECK(mean_interval(RealMatrix::Zero(3, 50)).low == 0);
  CHECK(mean_interval(RealMatrix::Zero(3, 50)).high == Approx(4.038393 / 54.038393));
  // Outcomes beside 0 and 1 that differ need no addition.
  RealMatrix halves = RealMatrix::Constant(2, 50, 0.5);
  halves(0, 0) = 0.6;
  CHECK(difference_estimate(halves, tenths).variance < 1e-4);
}

TEST_CASE("designs that are none are refused") {
  const RealMatrix good = RealMatrix::Zero(2, 5);
  RealMatrix broken = good;
  broken(1, 3) = std::numeric_limits<double>::quiet_NaN();
  for (const RealMatrix& bad :
       {RealMatrix(0, 5), RealMatrix(2, 0), RealMatrix(RealMatrix::Zero(2, 1)), broken}) {
    CHECK_THROWS_AS(mean_estimate(bad), std::invalid_argument);
    CHECK_THROWS_AS(mean_interval(bad), std::invalid_argument);
    CHECK_THROWS_AS(difference_estimate(good, bad), std::invalid_argument);
    CHECK_THROWS_AS(difference_estimate(bad, good), std::invalid_argument);
    CHECK_THROWS_AS(needed_for(bad, good, 0.1), std::invalid_argument);
  }
  CHECK_THROWS_AS(difference_estimate(good, RealMatrix::Zero(2, 6)), std::invalid_argument);
  CHECK_THROWS_AS(mean_interval(good, 1), std::invalid_argument);
  CHECK_THROWS_AS(needed_for(good, good, 0), std::invalid_argument);
  CHECK_THROWS_AS(needed_for(good, good, std::numeric_limits<double>::quiet_NaN()),
                  std::invalid_argument);
}
