#include "metrics/singular.h"

#include <cmath>
#include <limits>
#include <stdexcept>

#include <Eigen/QR>
#include <Eigen/SVD>

namespace rankscope {

namespace {

struct ThinQr {
  RealMatrix q;  // [rows, min(rows, columns)]
  RealMatrix r;
};

ThinQr thin_qr(const RealMatrix& matrix) {
  const Eigen::Index k = std::min(matrix.rows(), matrix.cols());
  const Eigen::HouseholderQR<RealMatrix> qr(matrix);
  return {.q = qr.householderQ() * RealMatrix::Identity(matrix.rows(), k),
          .r = qr.matrixQR().topRows(k).triangularView<Eigen::Upper>()};
}

}  // namespace

RealMatrix orthonormal_basis(const RealMatrix& matrix) { return thin_qr(matrix).q; }

Singular singular_of(const RealMatrix& matrix) {
  if (matrix.size() == 0) {
    return {.left = RealMatrix(matrix.rows(), 0), .values = RealVector(0), .right = RealMatrix(matrix.cols(), 0)};
  }
  // One-sided Jacobi finds small singular values to high relative accuracy, and repeated ones; for
  // larger matrices it takes too long.
  constexpr Eigen::Index kJacobi = 128;
  if (std::min(matrix.rows(), matrix.cols()) <= kJacobi) {
    const Eigen::JacobiSVD<RealMatrix> svd(matrix, Eigen::ComputeThinU | Eigen::ComputeThinV);
    return {.left = svd.matrixU(), .values = svd.singularValues(), .right = svd.matrixV()};
  }
  const Eigen::BDCSVD<RealMatrix> svd(matrix, Eigen::ComputeThinU | Eigen::ComputeThinV);
  return {.left = svd.matrixU(), .values = svd.singularValues(), .right = svd.matrixV()};
}

Singular singular_of_factor(const RealMatrix& a) {
  // A^T = Q R, so A = R^T Q^T.
  const ThinQr qr = thin_qr(a.transpose());
  Singular core = singular_of(qr.r.transpose());
  core.right = qr.q * core.right;
  return core;
}

Singular singular_of_update(const RealMatrix& b, const RealMatrix& a, double scale) {
  if (b.cols() != a.rows()) throw std::invalid_argument("B's columns are not A's rows");
  const ThinQr left = thin_qr(b);
  const ThinQr right = thin_qr(a.transpose());
  Singular core = singular_of(scale * left.r * right.r.transpose());
  core.left = left.q * core.left;
  core.right = right.q * core.right;
  return core;
}

std::vector<bool> determined_spans(const RealVector& values, Eigen::Index dimension, double gap) {
  std::vector<bool> determined;
  for (Eigen::Index k = 1; k <= values.size(); ++k) {
    const double next = k < values.size() ? values[k] : 0;
    determined.push_back(values[0] > 0 &&
                         (k == dimension || values[k - 1] - next > gap * values[0]));
  }
  return determined;
}

double effective_rank(const RealVector& values) {
  const double sum = values.sum();
  if (!(sum > 0)) return std::numeric_limits<double>::quiet_NaN();
  double entropy = 0;
  for (const double value : values) {
    if (value > 0) entropy -= value / sum * std::log(value / sum);
  }
  return std::exp(entropy);
}

double stable_rank(const RealVector& values) {
  if (values.size() == 0 || !(values[0] > 0)) return std::numeric_limits<double>::quiet_NaN();
  return (values / values[0]).squaredNorm();
}

}  // namespace rankscope
