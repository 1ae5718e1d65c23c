// How much two subspaces share: phi of the LoRA paper (arXiv 2106.09685, equation 4 and appendix
// G).
#pragma once

#include <cstdint>

#include "metrics/singular.h"

namespace rankscope {

// U^T V of two sets of orthonormal columns, from which all that they share follows. Throws
// std::invalid_argument where their lengths differ.
RealMatrix dot_products(const RealMatrix& u, const RealMatrix& v);

// phi(i, j) = ||U_i^T V_j||_F^2 / min(i, j) at [i - 1, j - 1], where U_i are the first i columns of
// u and V_j the first j of v: from 0, orthogonal, to 1, one within the other. `products`:
// dot_products(u, v).
RealMatrix subspace_similarity(const RealMatrix& products);

// Its expectation for subspaces drawn evenly from R^dimension: max(i, j) / dimension.
RealMatrix chance_similarity(Eigen::Index rows, Eigen::Index cols, Eigen::Index dimension);

// Between which 95 % of such draws fall, elementwise; from `draws` of them, keyed by `seed`.
// rows, cols <= dimension. `threads` changes the time alone.
inline constexpr int kChanceDraws = 400;
// Bands of larger similarities cost more than they tell: chance is exact, and the larger the
// subspaces the narrower its band. Callers leave them out.
inline constexpr Eigen::Index kLargestBand = 160;
struct ChanceBand {
  RealMatrix low, high;
};
ChanceBand chance_band(Eigen::Index rows, Eigen::Index cols, Eigen::Index dimension,
                       std::uint64_t seed, int draws = kChanceDraws, int threads = 1);

// The cosines of the principal angles between the spans of all columns, descending, to 1e-12.
RealVector principal_cosines(const RealMatrix& products);
// sqrt(min(i, j) - sum of squared cosines), the Projection Metric of appendix G.
double projection_metric(const RealMatrix& products);

}  // namespace rankscope
