#include "metrics/intruder_dimensions.h"

#include <algorithm>
#include <stdexcept>

namespace rankscope {

std::int64_t intruder_dimensions(const RealMatrix& original_left, const RealMatrix& tuned, double bound,
                                 Eigen::Index k) {
  if (original_left.rows() != tuned.rows()) {
    throw std::invalid_argument("the two matrices have different numbers of rows");
  }
  const Singular singular = singular_of(tuned);
  const RealMatrix cosines =
      original_left.transpose() * singular.left.leftCols(std::min(k, singular.left.cols()));
  const RealVector nearest = cosines.cwiseAbs().colwise().maxCoeff();
  return (nearest.array() < bound).count();
}

}  // namespace rankscope
