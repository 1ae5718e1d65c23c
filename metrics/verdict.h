// What runs say of claims: a claim holds, is contradicted, or is left open, by a procedure that for
// independent claims bounds the probability of any wrong verdict.
#pragma once

#include <span>
#include <vector>

#include "metrics/estimate.h"

namespace rankscope {

// Where a claim says that a difference delta lies; margin m > 0. All are open: on the edge a claim
// is false.
enum class Region {
  kAbove,     // delta > m
  kWithin,    // |delta| < m
  kNotBelow,  // delta > -m
};

// How far inside the region `delta` lies, to the nearer edge: below 0 outside, 0 on an edge.
double depth_inside(Region region, double margin, double delta);

enum class ClaimVerdict { kHolds, kContradicted, kUnderpowered };

struct Contrast {
  Estimate estimate;
  Region region;
  double margin;  // m, in the unit of the estimate
};

// p-values: `inside` of "delta lies outside the region", so small where it evidently lies inside
// (of kWithin the larger of two one-sided tests, Schuirmann 1987), `outside` of "delta lies inside"
// (of kWithin twice the smaller of two). They sum to 1 or more: both are never small.
struct RegionTest {
  double inside = 1, outside = 1;
};
// Throws std::invalid_argument for a margin that is not above 0 and finite.
RegionTest test_region(const Contrast& contrast);

// A claim that every contrast lies in its region. inside: the largest, as all must be shown
// (intersection-union test, Berger 1982); outside: the smallest by Holm's adjustment, as one
// suffices. Throws std::invalid_argument for no contrasts.
RegionTest test_claim(std::span<const Contrast> contrasts);

// Of all claims of a report at once: Holm's procedure over claims, each with the smaller of its two
// p-values. Each claim has one wrong verdict, so m claims count as m. That any wrong verdict has
// probability alpha at most, with verdicts in two directions, is proved for independent claims
// (Shaffer 1980); claims on the same trials are not, and tests simulate some. A claim with a
// contrast whose estimate has verdict == false is underpowered and not counted. Throws
// std::invalid_argument unless 0 < alpha < 0.5.
std::vector<ClaimVerdict> judge(std::span<const std::vector<Contrast>> claims, double alpha);

// Holm's adjusted p-values (1979) in the order of p: what is at most alpha may be rejected, with
// probability alpha at most that any is rejected falsely, whatever their dependence.
std::vector<double> holm_adjusted(std::span<const double> p);

}  // namespace rankscope
