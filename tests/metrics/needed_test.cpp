// How many seeds and examples a difference needs: known cases, and the power they then have.
#include <catch2/catch.hpp>

#include <cmath>

#include "metrics/crossed_design.h"
#include "metrics/distributions.h"
#include "metrics/estimate.h"
#include "tests/metrics/synthetic_outcomes.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

constexpr double kBase = 0.5;

// The share of `sets` in which `size` is told from 0.
double power_of(double size, Eigen::Index seeds, Eigen::Index examples, double variance, int sets) {
  int told = 0;
  for (int n = 0; n < sets; ++n) {
    const SyntheticExamples set("power", static_cast<std::uint64_t>(n), examples);
    const Interval difference =
        interval(difference_estimate(set.binary("left", seeds, kBase + size, variance),
                                     set.binary("right", seeds, kBase, variance)));
    told += difference.low > 0 || difference.high < 0;
  }
  return static_cast<double>(told) / sets;
}

}  // namespace

TEST_CASE("seeds and examples that are needed where only seeds count") {
  // s2 = 0.02 each, no residual and no example effect: seeds alone, n of them in each group.
  const RealMatrix left{{0.3, 0.3, 0.3}, {0.5, 0.5, 0.5}}, right{{0.7, 0.7, 0.7}, {0.9, 0.9, 0.9}};
  const Needed needed = needed_for(left, right, 0.1);
  REQUIRE(needed.seeds);
  const auto power = [](std::int64_t n) {
    const auto seeds = static_cast<double>(n);
    return student_t_power(0.1 / std::sqrt(2 * 0.02 / seeds), 2 * (seeds - 1), 0.05);
  };
  CHECK(power(*needed.seeds) >= 0.8);
  CHECK(power(*needed.seeds - 1) < 0.8);
  // No number of examples makes up for two seeds.
  CHECK_FALSE(needed.examples);
}

TEST_CASE("a fixed row needs no seeds, the runs that are set against it do") {
  const RealMatrix left{{0.3, 0.3, 0.3}, {0.5, 0.5, 0.5}}, base{{0.2, 0.2, 0.2}};
  const Needed needed = needed_for(left, base, 0.1, {.right = true});
  REQUIRE(needed.seeds);
  const auto power = [](std::int64_t n) {
    const auto seeds = static_cast<double>(n);
    return student_t_power(0.1 / std::sqrt(0.02 / seeds), seeds - 1, 0.05);
  };
  CHECK(power(*needed.seeds) >= 0.8);
  CHECK(power(*needed.seeds - 1) < 0.8);
  CHECK_FALSE(needed.examples);
  CHECK_FALSE(needed_for(left.topRows(1), base, 0.1, {.right = true}).seeds);

  // Of two fixed rows examples alone: D = 1, 0, 0, 1 and what is added, 2 / 3 an example.
  const RealMatrix one{{1, 1, 0, 1}}, other{{0, 1, 0, 0}};
  const Needed of_both = needed_for(one, other, 0.5, {.left = true, .right = true});
  CHECK_FALSE(of_both.seeds);
  REQUIRE(of_both.examples);
  const auto of_examples = [](std::int64_t n) {
    const auto examples = static_cast<double>(n);
    return student_t_power(0.5 / std::sqrt(2.0 / 3 / examples), examples - 1, 0.05);
  };
  CHECK(of_examples(*of_both.examples) >= 0.8);
  CHECK(of_examples(*of_both.examples - 1) < 0.8);
}

TEST_CASE("a larger difference needs less, and what cannot be told needs more than there is") {
  const SyntheticExamples set("needed", 0, 200);
  const double variance = 0.0006;
  const RealMatrix left = set.binary("left", 5, 0.5, variance);
  const RealMatrix right = set.binary("right", 4, 0.45, variance);
  const Needed small = needed_for(left, right, 0.06), large = needed_for(left, right, 0.12);
  REQUIRE((small.seeds && large.seeds && large.examples));
  CHECK(*small.seeds > *large.seeds);
  CHECK((!small.examples || *small.examples > *large.examples));
  CHECK_FALSE(needed_for(left, right, 1e-6).seeds);
  CHECK_FALSE(needed_for(left, right, 1e-6).examples);
  // Never below two.
  CHECK(needed_for(left, right, 50).seeds == 2);
  CHECK(needed_for(left, right, 50).examples == 2);
}

TEST_CASE("of one seed nothing is known of more") {
  const SyntheticExamples set("one seed", 0, 100);
  const RealMatrix left = set.binary("left", 1, 0.5, 0), right = set.binary("right", 5, 0.2, 0);
  CHECK_FALSE(needed_for(left, right, 0.3).seeds);
  CHECK_FALSE(needed_for(left, right, 0.3).examples);
  CHECK_FALSE(needed_for(right, left, 0.3).seeds);
}

TEST_CASE("units that are needed where each has one value") {
  // Of 5 units s^2 = 0.025.
  const RealVector units{{0.1, 0.2, 0.3, 0.4, 0.5}};
  const auto power = [](double size, std::int64_t n) {
    const auto count = static_cast<double>(n);
    return student_t_power(size / std::sqrt(0.025 / count), count - 1, 0.05);
  };
  for (const double size : {0.02, 0.1, 0.3}) {
    const auto needed = needed_units(unit_estimate(units), size);
    REQUIRE(needed);
    CHECK(power(size, *needed) >= 0.8);
    CHECK(power(size, *needed - 1) < 0.8);
  }
  CHECK(needed_units(unit_estimate(units), 50) == 2);
  CHECK_FALSE(needed_units(unit_estimate(units), 1e-6));
  CHECK(needed_units(unit_estimate(RealVector::Constant(3, 0.1)), 0.1) == 2);  // without variance
  CHECK_FALSE(needed_units(unit_estimate(units.head(1)), 0.1));
  CHECK_FALSE(needed_units(jackknife_estimate(0.3, units.head(2)), 0.1));
  CHECK_THROWS_AS(needed_units(unit_estimate(units), 0), std::invalid_argument);
  CHECK_THROWS_AS(needed_units(unit_estimate(units), std::nan("")), std::invalid_argument);
}

TEST_CASE("as many seeds or examples as are needed give the power") {
  // Pilots of many seeds, so that the parts of the variance are known: what is left of their own
  // error, and three standard errors of the simulation.
  constexpr int kSets = 800;
  const double margin = 0.03 + 3 * std::sqrt(0.8 * 0.2 / kSets), variance = 0.0009;
  SECTION("seeds, at the examples there are") {
    const double size = 0.04;
    const SyntheticExamples pilot("pilot", 0, 400);
    const Needed needed = needed_for(pilot.binary("left", 80, kBase + size, variance),
                                     pilot.binary("right", 80, kBase, variance), size);
    REQUIRE(needed.seeds);
    const double power = power_of(size, *needed.seeds, 400, variance, kSets);
    CAPTURE(*needed.seeds, power);
    CHECK(*needed.seeds > 4);
    CHECK(std::abs(power - 0.8) < margin);
  }
  SECTION("examples, with the seeds there are") {
    const double size = 0.03;
    const SyntheticExamples pilot("pilot", 1, 2000);
    const Needed needed = needed_for(pilot.binary("left", 40, kBase + size, variance),
                                     pilot.binary("right", 40, kBase, variance), size);
    REQUIRE(needed.examples);
    const double power = power_of(size, 40, *needed.examples, variance, kSets);
    CAPTURE(*needed.examples, power);
    CHECK(*needed.examples > 20);
    CHECK(std::abs(power - 0.8) < margin);
  }
}
