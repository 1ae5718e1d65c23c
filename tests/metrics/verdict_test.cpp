// Verdicts: tests of regions, Holm's adjustment, claims of several contrasts.
#include "metrics/verdict.h"

#include <catch2/catch.hpp>

#include <limits>
#include <vector>

#include "metrics/crossed_design.h"

using namespace rankscope;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// One-sided p-values of the normal distribution.
constexpr double kAtOne = 0.15865525, kAtTwo = 0.02275013, kAtThree = 0.00134990;

// `value` with a standard error of 1.
Contrast contrast(double value, Region region, double margin) {
  return {.estimate = {.value = value, .variance = 1, .df = kInfinity},
          .region = region,
          .margin = margin};
}

std::vector<Contrast> alone(double value, Region region = Region::kAbove) {
  return {contrast(value, region, 1)};
}

}  // namespace

TEST_CASE("regions: above a margin, not below it") {
  const RegionTest above = test_region(contrast(3, Region::kAbove, 1));
  CHECK(above.inside == Approx(kAtTwo));
  CHECK(above.outside == Approx(1 - kAtTwo));
  const RegionTest below = test_region(contrast(-1, Region::kAbove, 1));
  CHECK(below.inside == Approx(1 - kAtTwo));
  CHECK(below.outside == Approx(kAtTwo));
  const RegionTest not_below = test_region(contrast(2, Region::kNotBelow, 1));
  CHECK(not_below.inside == Approx(kAtThree));
  CHECK(test_region(contrast(-4, Region::kNotBelow, 1)).outside == Approx(kAtThree));
}

TEST_CASE("regions: within a margin takes both one-sided tests") {
  const RegionTest middle = test_region(contrast(0, Region::kWithin, 2));
  CHECK(middle.inside == Approx(kAtTwo));
  CHECK(middle.outside == 1);
  // Off the middle the nearer edge decides, on either side.
  CHECK(test_region(contrast(1, Region::kWithin, 3)).inside == Approx(kAtTwo));
  CHECK(test_region(contrast(-1, Region::kWithin, 3)).inside == Approx(kAtTwo));
  CHECK(test_region(contrast(5, Region::kWithin, 2)).outside == Approx(2 * kAtThree));
  CHECK(test_region(contrast(-5, Region::kWithin, 2)).outside == Approx(2 * kAtThree));
}

TEST_CASE("regions: on the edge neither side is favoured") {
  CHECK(test_region(contrast(1, Region::kAbove, 1)).inside == 0.5);
  CHECK(test_region(contrast(1, Region::kAbove, 1)).outside == 0.5);
  CHECK(test_region(contrast(-1, Region::kNotBelow, 1)).inside == 0.5);
  CHECK(test_region(contrast(2, Region::kWithin, 2)).inside == 0.5);
  CHECK(test_region(contrast(2, Region::kWithin, 2)).outside == 1);
  // Without variance the edge is outside every region, which are open, and shows nothing.
  Contrast exact = contrast(1, Region::kAbove, 1);
  exact.estimate.variance = 0;
  CHECK(test_region(exact).inside == 1);
  exact.estimate.value = 1.001;
  CHECK(test_region(exact).inside == 0);
  CHECK(test_region(exact).outside == 1);
}

TEST_CASE("regions: the depth is 0 on each edge, above 0 inside and below 0 outside") {
  CHECK(depth_inside(Region::kAbove, 1, 3) == 2);
  CHECK(depth_inside(Region::kAbove, 1, 1) == 0);
  CHECK(depth_inside(Region::kAbove, 1, -1) == -2);
  CHECK(depth_inside(Region::kNotBelow, 1, 3) == 4);
  CHECK(depth_inside(Region::kNotBelow, 1, -1) == 0);
  CHECK(depth_inside(Region::kNotBelow, 1, -3) == -2);
  // Within has two edges, of which the nearer counts.
  CHECK(depth_inside(Region::kWithin, 2, 0) == 2);
  for (const double side : {-1.0, 1.0}) {
    CHECK(depth_inside(Region::kWithin, 2, side * 1.5) == 0.5);
    CHECK(depth_inside(Region::kWithin, 2, side * 2) == 0);
    CHECK(depth_inside(Region::kWithin, 2, side * 5) == -3);
  }
  // What is known exactly is inside where the test says so.
  for (const Region region : {Region::kAbove, Region::kWithin, Region::kNotBelow}) {
    for (double value = -3; value <= 3; value += 0.5) {
      INFO(value);
      Contrast exact = contrast(value, region, 1);
      exact.estimate.variance = 0;
      CHECK((depth_inside(region, 1, value) > 0) == (test_region(exact).inside == 0));
    }
  }
}

TEST_CASE("regions: the two p-values are never small together") {
  for (const Region region : {Region::kAbove, Region::kWithin, Region::kNotBelow}) {
    for (double value = -6; value <= 6; value += 0.25) {
      const RegionTest test = test_region(contrast(value, region, 0.3));
      CHECK(test.inside + test.outside >= 1 - 1e-12);
    }
  }
}

TEST_CASE("a margin must be above 0") {
  for (const double margin : {0.0, -1.0, kInfinity, std::numeric_limits<double>::quiet_NaN()})
    CHECK_THROWS_AS(test_region(contrast(0, Region::kWithin, margin)), std::invalid_argument);
}

TEST_CASE("a claim holds by its weakest contrast and falls by its strongest") {
  const std::vector<Contrast> claim = {contrast(3, Region::kAbove, 1),
                                       contrast(2, Region::kAbove, 1),
                                       contrast(-2, Region::kAbove, 1)};
  CHECK(test_claim(claim).inside == Approx(1 - kAtThree));
  CHECK(test_claim(claim).outside == Approx(3 * kAtThree));
  CHECK(test_claim(std::vector<Contrast>(2, contrast(3, Region::kAbove, 1))).inside ==
        Approx(kAtTwo));
  CHECK(test_claim(std::vector<Contrast>(2, contrast(3, Region::kAbove, 1))).outside == 1);
  CHECK_THROWS_AS(test_claim({}), std::invalid_argument);
}

TEST_CASE("Holm's adjusted p-values, worked by hand") {
  // Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1: 0.02, 0.03, 0.06, 0.04, which must not fall.
  const std::vector<double> adjusted = holm_adjusted(std::vector<double>{0.01, 0.04, 0.03, 0.005});
  CHECK(adjusted[0] == Approx(0.03));
  CHECK(adjusted[1] == Approx(0.06));
  CHECK(adjusted[2] == Approx(0.06));
  CHECK(adjusted[3] == Approx(0.02));
  CHECK(holm_adjusted(std::vector<double>{0.7, 0.6}) == std::vector<double>{1, 1});
  CHECK(holm_adjusted({}).empty());
  CHECK_THROWS_AS(holm_adjusted(std::vector<double>{0.5, 1.1}), std::invalid_argument);
  CHECK_THROWS_AS(holm_adjusted(std::vector<double>{std::numeric_limits<double>::quiet_NaN()}),
                  std::invalid_argument);
}

TEST_CASE("claims are judged together") {
  // One-sided p against the nearer side: 0.00135, 0.0228, 0.0228, and 0.5.
  const std::vector<std::vector<Contrast>> claims = {alone(4), alone(3), alone(-1), alone(1)};
  const auto verdicts = [&](double alpha) { return judge(claims, alpha); };
  // 4 x 0.00135 = 0.0054; 3 x 0.0228 = 0.068; the next is no smaller.
  CHECK(verdicts(0.05) ==
        std::vector<ClaimVerdict>{ClaimVerdict::kHolds, ClaimVerdict::kUnderpowered,
                                  ClaimVerdict::kUnderpowered, ClaimVerdict::kUnderpowered});
  CHECK(verdicts(0.07) == std::vector<ClaimVerdict>{ClaimVerdict::kHolds, ClaimVerdict::kHolds,
                                                    ClaimVerdict::kContradicted,
                                                    ClaimVerdict::kUnderpowered});
  CHECK(verdicts(0.005) == std::vector<ClaimVerdict>(4, ClaimVerdict::kUnderpowered));
  CHECK(judge(std::vector<std::vector<Contrast>>{alone(3)}, 0.05)[0] == ClaimVerdict::kHolds);
  CHECK(judge({}, 0.05).empty());
  CHECK_THROWS_AS(verdicts(0), std::invalid_argument);
  CHECK_THROWS_AS(verdicts(0.5), std::invalid_argument);
  CHECK_THROWS_AS(judge(std::vector<std::vector<Contrast>>{{}}, 0.05), std::invalid_argument);
}

TEST_CASE("a claim of a single seed is left open, and costs the others nothing") {
  std::vector<std::vector<Contrast>> claims = {alone(9), alone(3), alone(-9)};
  CHECK(judge(claims, 0.05) == std::vector<ClaimVerdict>{ClaimVerdict::kHolds, ClaimVerdict::kHolds,
                                                         ClaimVerdict::kContradicted});
  claims[0].push_back(contrast(9, Region::kAbove, 1));
  claims[0][1].estimate.verdict = false;
  claims[2][0].estimate.verdict = false;
  CHECK(judge(claims, 0.05) == std::vector<ClaimVerdict>{ClaimVerdict::kUnderpowered,
                                                         ClaimVerdict::kHolds,
                                                         ClaimVerdict::kUnderpowered});
  // Its p-value of 0.0228 passes 0.05 because it counts alone.
  claims[0][1].estimate.verdict = claims[2][0].estimate.verdict = true;
  claims[0] = claims[2] = alone(1);
  CHECK(judge(claims, 0.05)[1] == ClaimVerdict::kUnderpowered);
}

TEST_CASE(
    "a claim against a fixed row holds where the difference is clear, and not where it is none") {
  static constexpr Eigen::Index kExamples = 40;
  // Of seed s the first right + s of 40 examples from 3 s on.
  const auto outcomes = [](Eigen::Index seeds, Eigen::Index right) {
    RealMatrix made(seeds, kExamples);
    for (Eigen::Index s = 0; s < seeds; ++s)
      for (Eigen::Index e = 0; e < kExamples; ++e)
        made(s, e) = (e + 3 * s) % kExamples < right + s ? 1 : 0;
    return made;
  };
  const RealMatrix base = outcomes(1, 4);
  const auto verdict = [&](const Estimate& estimate) {
    return judge(std::vector<std::vector<Contrast>>{{{estimate, Region::kAbove, 0.05}}}, 0.05)[0];
  };
  CHECK(verdict(difference_estimate(outcomes(3, 34), base, {.right = true})) ==
        ClaimVerdict::kHolds);
  CHECK(verdict(difference_estimate(base, outcomes(3, 34), {.left = true})) ==
        ClaimVerdict::kContradicted);
  CHECK(verdict(difference_estimate(outcomes(3, 3), base, {.right = true})) !=
        ClaimVerdict::kHolds);
}
