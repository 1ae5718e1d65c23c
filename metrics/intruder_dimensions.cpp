#include "metrics/intruder_dimensions.h"

#include <algorithm>
#include <stdexcept>

#include "metrics/gram_singular.h"
#include "metrics/products.h"

namespace rankscope {

std::int64_t intruder_dimensions(const RealMatrix& original_left, const RealMatrix& tuned,
                                 double bound, Eigen::Index k) {
  if (original_left.rows() != tuned.rows()) {
    throw std::invalid_argument("the two matrices have different numbers of rows");
  }
  const Singular leading = leading_singular_of(tuned, std::min({k, tuned.rows(), tuned.cols()}));
  const RealMatrix cosines = transposed_product(original_left, leading.left);
  const RealVector nearest = cosines.cwiseAbs().colwise().maxCoeff();
  return (nearest.array() < bound).count();
}

}  // namespace rankscope
