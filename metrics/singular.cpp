#include "metrics/singular.h"

#include <cmath>
#include <limits>
#include <stdexcept>

#include <Eigen/Cholesky>
#include <Eigen/QR>
#include <Eigen/SVD>

#include "metrics/products.h"

namespace rankscope {

namespace {

// matrix = Q r with orthonormal columns Q = basis * finish, left as two factors: who wants Q times another
// matrix takes that product with the small one first.
struct ThinQr {
  RealMatrix basis;   // [rows, min(rows, columns)]
  RealMatrix finish;  // [min, min]
  RealMatrix r;
};

ThinQr householder_qr(const RealMatrix& matrix) {
  const Eigen::Index k = std::min(matrix.rows(), matrix.cols());
  const Eigen::HouseholderQR<RealMatrix> qr(matrix);
  return {.basis = qr.householderQ() * RealMatrix::Identity(matrix.rows(), k),
          .finish = RealMatrix::Identity(k, k),
          .r = qr.matrixQR().topRows(k).triangularView<Eigen::Upper>()};
}

RealMatrix inverse_of(const RealMatrix& upper) {
  return upper.triangularView<Eigen::Upper>().solve(RealMatrix::Identity(upper.rows(), upper.cols()));
}

// Cholesky QR twice (Yamamoto et al., ETNA 44, 2015): matrix products, where Householder's reflections wait
// for memory. The columns are orthonormal to rounding where the first pass left them so to a tenth, which it
// does up to a condition of some 10^7; beyond, and where columns depend on one another, Householder.
ThinQr thin_qr(const RealMatrix& matrix, int threads) {
  if (matrix.rows() < matrix.cols() || matrix.size() == 0) return householder_qr(matrix);
  const Eigen::LLT<RealMatrix> first(transposed_product(matrix, matrix, threads));
  if (first.info() != Eigen::Success) return householder_qr(matrix);
  const RealMatrix first_r = first.matrixU();
  ThinQr qr{.basis = product(matrix, inverse_of(first_r), threads), .finish = {}, .r = {}};
  const RealMatrix gram = transposed_product(qr.basis, qr.basis, threads);
  if (!((gram - RealMatrix::Identity(gram.rows(), gram.cols())).norm() < 0.1)) return householder_qr(matrix);
  const RealMatrix second_r = Eigen::LLT<RealMatrix>(gram).matrixU();
  qr.finish = inverse_of(second_r);
  qr.r = second_r.triangularView<Eigen::Upper>() * first_r;
  return qr;
}

}  // namespace

RealMatrix orthonormal_basis(const RealMatrix& matrix, int threads) {
  const ThinQr qr = thin_qr(matrix, threads);
  return product(qr.basis, qr.finish, threads);
}

Singular singular_of(const RealMatrix& matrix) {
  if (matrix.size() == 0) {
    return {.left = RealMatrix(matrix.rows(), 0), .values = RealVector(0), .right = RealMatrix(matrix.cols(), 0)};
  }
  const Eigen::BDCSVD<RealMatrix> svd(matrix, Eigen::ComputeThinU | Eigen::ComputeThinV);
  Singular found{.left = svd.matrixU(), .values = svd.singularValues(), .right = svd.matrixV()};
  // What divide and conquer gives is held against the matrix; Jacobi's rotations take five times as long.
  constexpr double kResidual = 1e-12;
  const RealMatrix residual = product(matrix, found.right) - found.left * found.values.asDiagonal();
  if (svd.info() == Eigen::Success && residual.norm() <= kResidual * matrix.norm()) return found;
  const Eigen::JacobiSVD<RealMatrix> sure(matrix, Eigen::ComputeThinU | Eigen::ComputeThinV);
  return {.left = sure.matrixU(), .values = sure.singularValues(), .right = sure.matrixV()};
}

Singular singular_of_factor(const RealMatrix& a, int threads) {
  // A^T = Q R, so A = R^T Q^T.
  const ThinQr qr = thin_qr(a.transpose(), threads);
  Singular core = singular_of(qr.r.transpose());
  core.right = product(qr.basis, qr.finish * core.right, threads);
  return core;
}

Singular singular_of_update(const RealMatrix& b, const RealMatrix& a, double scale, int threads) {
  if (b.cols() != a.rows()) throw std::invalid_argument("B's columns are not A's rows");
  const ThinQr left = thin_qr(b, threads);
  const ThinQr right = thin_qr(a.transpose(), threads);
  Singular core = singular_of(scale * left.r * right.r.transpose());
  core.left = product(left.basis, left.finish * core.left, threads);
  core.right = product(right.basis, right.finish * core.right, threads);
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
