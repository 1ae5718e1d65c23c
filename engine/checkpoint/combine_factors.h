// One low-rank update out of several at one place: what combine_adapters makes of each module.
#pragma once

#include <cstdint>
#include <span>

#include "engine/checkpoint/adapter_factors.h"

namespace rankscope {

// A source's update, scale B A, and its weight in the sum.
struct WeightedFactors {
  const SiteFactors* factors = nullptr;
  double weight = 1;
};

// The combined update, of scale 1; all sources have the same in and out. Sums in double, rounded
// once.
//
// Ranks add: A is the sources' weight * scale * A one below the other, B theirs side by side. The
// product is the weighted sum of the updates, but for rounding.
SiteFactors concatenated(std::span<const WeightedFactors> sources);
// With f = weight * scale, A = sum of sign(f) sqrt|f| A_i and B = sum of sqrt|f| B_i, as PEFT's
// "linear". The product has cross terms sqrt|f_i f_j| B_i A_j beside the weighted sum. Ranks must
// be equal.
SiteFactors linear_sum(std::span<const WeightedFactors> sources);
// The weighted sum of the updates truncated to its leading `rank` singular triples, or as many as
// it can have: A = sqrt(S) V^T, B = U sqrt(S). From the stacked factors' QR decompositions; the sum
// itself, [out, in], is never formed. `squares` gets the sum of all squared singular values and of
// the kept ones.
struct KeptSquares {
  double all = 0, kept = 0;
};
SiteFactors truncated_sum(std::span<const WeightedFactors> sources, std::int64_t rank,
                          KeptSquares& squares);

}  // namespace rankscope
