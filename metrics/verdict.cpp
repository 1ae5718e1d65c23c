#include "metrics/verdict.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <stdexcept>

namespace rankscope {

double depth_inside(Region region, double margin, double delta) {
  switch (region) {
    case Region::kAbove:
      return delta - margin;
    case Region::kNotBelow:
      return delta + margin;
    case Region::kWithin:
      return margin - std::abs(delta);
  }
  throw std::invalid_argument("no such region");
}

RegionTest test_region(const Contrast& contrast) {
  const auto& [estimate, region, margin] = contrast;
  if (!(margin > 0) || std::isinf(margin))
    throw std::invalid_argument("the margin of a claim is above 0");
  switch (region) {
    case Region::kAbove:
      return {.inside = p_above(estimate, margin), .outside = p_below(estimate, margin)};
    case Region::kNotBelow:
      return {.inside = p_above(estimate, -margin), .outside = p_below(estimate, -margin)};
    case Region::kWithin:
      return {.inside = std::max(p_above(estimate, -margin), p_below(estimate, margin)),
              .outside = std::min(
                  1.0, 2 * std::min(p_above(estimate, margin), p_below(estimate, -margin)))};
  }
  throw std::invalid_argument("no such region");
}

RegionTest test_claim(std::span<const Contrast> contrasts) {
  if (contrasts.empty()) throw std::invalid_argument("a claim needs a contrast");
  RegionTest claim{.inside = 0, .outside = 1};
  for (const Contrast& contrast : contrasts) {
    const RegionTest test = test_region(contrast);
    claim.inside = std::max(claim.inside, test.inside);
    // The smallest that Holm adjusts is multiplied by their number.
    claim.outside = std::min(claim.outside, test.outside * static_cast<double>(contrasts.size()));
  }
  return claim;
}

std::vector<double> holm_adjusted(std::span<const double> p) {
  for (const double value : p)
    if (!(value >= 0 && value <= 1)) throw std::invalid_argument("a p-value lies in 0 .. 1");
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return p[i]; });
  std::vector<double> adjusted(p.size());
  double largest = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const double product = p[order[rank]] * static_cast<double>(p.size() - rank);
    largest = std::max(largest, std::min(1.0, product));
    adjusted[order[rank]] = largest;
  }
  return adjusted;
}

std::vector<ClaimVerdict> judge(std::span<const std::vector<Contrast>> claims, double alpha) {
  if (!(alpha > 0 && alpha < 0.5)) throw std::invalid_argument("alpha lies between 0 and 0.5");
  std::vector<std::size_t> judged;
  std::vector<RegionTest> tests;
  std::vector<double> smaller;
  for (std::size_t i = 0; i < claims.size(); ++i) {
    const RegionTest test = test_claim(claims[i]);
    if (!std::ranges::all_of(claims[i], [](const Contrast& c) { return c.estimate.verdict; }))
      continue;
    judged.push_back(i);
    tests.push_back(test);
    smaller.push_back(std::min(test.inside, test.outside));
  }
  const std::vector<double> adjusted = holm_adjusted(smaller);
  std::vector<ClaimVerdict> verdicts(claims.size(), ClaimVerdict::kUnderpowered);
  for (std::size_t k = 0; k < judged.size(); ++k) {
    if (adjusted[k] > alpha) continue;
    verdicts[judged[k]] =
        tests[k].inside < tests[k].outside ? ClaimVerdict::kHolds : ClaimVerdict::kContradicted;
  }
  return verdicts;
}

}  // namespace rankscope
