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

// A matrix that has more rows than columns as a rule, wherever it lies.
struct Tall {
  dense::Source source;
  Eigen::Index rows, cols;

  dense::Source transposed() const {
    return {source.values, source.is_float, source.col_step, source.row_step};
  }
  RealMatrix gram(int threads) const {
    RealMatrix result(cols, cols);
    multiply(transposed(), cols, transposed(), cols, rows, result.data(), threads);
    return result;
  }
  RealMatrix times(const RealMatrix& right, int threads) const {
    RealMatrix result(rows, right.cols());
    multiply({right.data(), false, right.rows(), 1}, right.cols(), source, rows, cols,
             result.data(), threads);
    return result;
  }
  RealMatrix copy() const { return times(RealMatrix::Identity(cols, cols), 1); }
};

Tall tall(const RealMatrix& matrix) {
  return {{matrix.data(), false, 1, matrix.rows()}, matrix.rows(), matrix.cols()};
}
Tall tall(const FactorRows& f) { return {{f.values.data(), true, f.cols, 1}, f.rows, f.cols}; }
template <typename Matrix>
Tall tall_transposed(const Matrix& matrix) {
  const Tall t = tall(matrix);
  return {t.transposed(), t.cols, t.rows};
}

// matrix = Q r with orthonormal columns Q = basis * finish, left as two factors: who wants Q times
// another matrix takes that product with the small one first.
struct ThinQr {
  RealMatrix basis;   // [rows, min(rows, columns)]
  RealMatrix finish;  // [min, min]
  RealMatrix r;

  RealMatrix times(const RealMatrix& right, int threads) const {
    return product(basis, finish * right, threads);
  }
};

ThinQr householder_qr(const RealMatrix& matrix) {
  const Eigen::Index k = std::min(matrix.rows(), matrix.cols());
  const Eigen::HouseholderQR<RealMatrix> qr(matrix);
  return {.basis = qr.householderQ() * RealMatrix::Identity(matrix.rows(), k),
          .finish = RealMatrix::Identity(k, k),
          .r = qr.matrixQR().topRows(k).triangularView<Eigen::Upper>()};
}

RealMatrix inverse_of(const RealMatrix& upper) {
  return upper.triangularView<Eigen::Upper>().solve(
      RealMatrix::Identity(upper.rows(), upper.cols()));
}

// Cholesky QR twice (Yamamoto et al., ETNA 44, 2015): matrix products, where Householder's
// reflections wait for memory. The columns are orthonormal to rounding where the first pass left
// them so to a tenth, which it does up to a condition of some 10^7; beyond, and where columns
// depend on one another, Householder.
ThinQr thin_qr(const Tall& matrix, int threads) {
  if (matrix.rows < matrix.cols || matrix.cols == 0) return householder_qr(matrix.copy());
  const Eigen::LLT<RealMatrix> first(matrix.gram(threads));
  if (first.info() != Eigen::Success) return householder_qr(matrix.copy());
  const RealMatrix first_r = first.matrixU();
  ThinQr qr{.basis = matrix.times(inverse_of(first_r), threads), .finish = {}, .r = {}};
  const RealMatrix gram = tall(qr.basis).gram(threads);
  if (!((gram - RealMatrix::Identity(gram.rows(), gram.cols())).norm() < 0.1))
    return householder_qr(matrix.copy());
  const RealMatrix second_r = Eigen::LLT<RealMatrix>(gram).matrixU();
  qr.finish = inverse_of(second_r);
  qr.r = second_r.triangularView<Eigen::Upper>() * first_r;
  return qr;
}

// Of a factor given as its transpose: A^T = Q R, so A = R^T Q^T.
Singular of_factor(const Tall& transposed, int threads) {
  const ThinQr qr = thin_qr(transposed, threads);
  Singular core = singular_of(qr.r.transpose());
  core.right = qr.times(core.right, threads);
  return core;
}

Singular of_update(const Tall& b, const Tall& a_transposed, double scale, int threads,
                   UpdateSides sides) {
  if (b.cols != a_transposed.cols) throw std::invalid_argument("B's columns are not A's rows");
  const ThinQr left = thin_qr(b, threads), right = thin_qr(a_transposed, threads);
  Singular core = singular_of(scale * left.r * right.r.transpose());
  core.left = sides == UpdateSides::kRight ? RealMatrix() : left.times(core.left, threads);
  core.right = sides == UpdateSides::kLeft ? RealMatrix() : right.times(core.right, threads);
  return core;
}

}  // namespace

FactorRows::FactorRows(std::span<const float> all, Eigen::Index row_count, Eigen::Index col_count)
    : values(all), rows(row_count), cols(col_count) {
  if (static_cast<Eigen::Index>(all.size()) != rows * cols)
    throw std::invalid_argument("as many values as rows times columns");
}

RealMatrix orthonormal_basis(const RealMatrix& matrix, int threads) {
  const ThinQr qr = thin_qr(tall(matrix), threads);
  return product(qr.basis, qr.finish, threads);
}

Singular singular_of(const RealMatrix& matrix) {
  if (matrix.size() == 0) {
    return {.left = RealMatrix(matrix.rows(), 0),
            .values = RealVector(0),
            .right = RealMatrix(matrix.cols(), 0)};
  }
  const Eigen::BDCSVD<RealMatrix> svd(matrix, Eigen::ComputeThinU | Eigen::ComputeThinV);
  Singular found{.left = svd.matrixU(), .values = svd.singularValues(), .right = svd.matrixV()};
  // What divide and conquer gives is held against the matrix; Jacobi's rotations take five times as
  // long.
  constexpr double kResidual = 1e-12;
  const RealMatrix residual = product(matrix, found.right) - found.left * found.values.asDiagonal();
  if (svd.info() == Eigen::Success && residual.norm() <= kResidual * matrix.norm()) return found;
  const Eigen::JacobiSVD<RealMatrix> sure(matrix, Eigen::ComputeThinU | Eigen::ComputeThinV);
  return {.left = sure.matrixU(), .values = sure.singularValues(), .right = sure.matrixV()};
}

Singular singular_of_factor(const RealMatrix& a, int threads) {
  return of_factor(tall_transposed(a), threads);
}
Singular singular_of_factor(const FactorRows& a, int threads) {
  return of_factor(tall_transposed(a), threads);
}

Singular singular_of_update(const RealMatrix& b, const RealMatrix& a, double scale, int threads) {
  return of_update(tall(b), tall_transposed(a), scale, threads, UpdateSides::kBoth);
}
Singular singular_of_update(const FactorRows& b, const FactorRows& a, double scale, int threads,
                            UpdateSides sides) {
  return of_update(tall(b), tall_transposed(a), scale, threads, sides);
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
