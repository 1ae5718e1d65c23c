// Intruder dimensions: leading directions of a tuned matrix that resemble none of the original's
// (Shuttleworth et al., arXiv 2410.21228, section 3).
#pragma once

#include <cstdint>

#include "metrics/singular.h"

namespace rankscope {

// How many of the first `k` left singular vectors of `tuned` [d_out, d_in] have a cosine below
// `bound` with every left singular vector of the original, which are the columns of `original_left`
// (all of them). Sizes must fit; throws std::invalid_argument else.
std::int64_t intruder_dimensions(const RealMatrix& original_left, const RealMatrix& tuned,
                                 double bound, Eigen::Index k = 10);

}  // namespace rankscope
