#include "metrics/mcnemar.h"

#include <algorithm>
#include <cstdint>
#include <stdexcept>

#include "metrics/distributions.h"

namespace rankscope {

double mcnemar_p(const RealVector& left, const RealVector& right) {
  if (left.size() != right.size())
    throw std::invalid_argument("two runs must be scored on the same examples");
  std::int64_t left_alone = 0, right_alone = 0;
  for (Eigen::Index e = 0; e < left.size(); ++e) {
    if ((left[e] != 0 && left[e] != 1) || (right[e] != 0 && right[e] != 1))
      throw std::invalid_argument("McNemar's test is of outcomes 0 and 1");
    left_alone += left[e] > right[e];
    right_alone += right[e] > left[e];
  }
  const std::int64_t discordant = left_alone + right_alone;
  if (discordant == 0) return 1;
  return std::min(1.0, 2 * binomial_cdf(std::min(left_alone, right_alone), discordant, 0.5));
}

}  // namespace rankscope
