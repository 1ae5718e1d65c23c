#include "metrics/gram_singular.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include <Eigen/Eigenvalues>

#include "common/draws.h"
#include "metrics/products.h"

namespace rankscope {

namespace {

// T - shift I = P L U of a symmetric tridiagonal T, with partial pivoting.
class ShiftedTridiagonal {
 public:
  ShiftedTridiagonal(const RealVector& diagonal, const RealVector& beside, double shift,
                     double tiny)
      : main_(diagonal.array() - shift),
        above_(beside),
        second_(RealVector::Zero(diagonal.size())),
        factor_(RealVector::Zero(diagonal.size())),
        swapped_(static_cast<std::size_t>(diagonal.size())) {
    const Eigen::Index n = main_.size();
    for (Eigen::Index i = 0; i + 1 < n; ++i) {
      const double below = beside[i];
      const double next_above = i + 2 < n ? above_[i + 1] : 0;
      swapped_[static_cast<std::size_t>(i)] = std::abs(below) > std::abs(main_[i]);
      if (swapped_[static_cast<std::size_t>(i)]) {
        factor_[i] = main_[i] / below;
        main_[i] = below;
        const double was_above = above_[i];
        above_[i] = main_[i + 1];
        second_[i] = next_above;
        main_[i + 1] = was_above - factor_[i] * above_[i];
        if (i + 2 < n) above_[i + 1] = -factor_[i] * next_above;
      } else {
        if (main_[i] == 0) main_[i] = tiny;
        factor_[i] = below / main_[i];
        main_[i + 1] -= factor_[i] * above_[i];
      }
    }
    for (double& pivot : main_)
      if (std::abs(pivot) < tiny) pivot = pivot < 0 ? -tiny : tiny;
  }

  void solve(RealVector& x) const {
    const Eigen::Index n = x.size();
    for (Eigen::Index i = 0; i + 1 < n; ++i) {
      if (swapped_[static_cast<std::size_t>(i)]) std::swap(x[i], x[i + 1]);
      x[i + 1] -= factor_[i] * x[i];
    }
    for (Eigen::Index i = n; i-- > 0;) {
      if (i + 1 < n) x[i] -= above_[i] * x[i + 1];
      if (i + 2 < n) x[i] -= second_[i] * x[i + 2];
      x[i] /= main_[i];
    }
  }

 private:
  RealVector main_, above_, second_, factor_;
  std::vector<bool> swapped_;
};

// Eigenvectors of the k largest eigenvalues, descending: normalised, and orthogonal where the
// eigenvalues stand apart.
RealMatrix tridiagonal_vectors(const RealVector& diagonal, const RealVector& beside,
                               Eigen::Index k) {
  const Eigen::Index n = diagonal.size();
  Eigen::SelfAdjointEigenSolver<RealMatrix> solver;
  solver.computeFromTridiagonal(diagonal, beside, Eigen::EigenvaluesOnly);
  const double size =
      std::max(std::abs(solver.eigenvalues()[n - 1]), std::numeric_limits<double>::min());
  const double tiny = std::numeric_limits<double>::epsilon() * size;
  std::vector<float> start(static_cast<std::size_t>(n));
  RealMatrix vectors(n, k);
  double shift = std::numeric_limits<double>::infinity();
  for (Eigen::Index i = 0; i < k; ++i) {
    // Equal shifts would give one vector twice.
    shift = std::min(solver.eigenvalues()[n - 1 - i], shift - 10 * tiny);
    Draws(0, "inverse iteration", "start", static_cast<std::uint64_t>(i)).fill_uniform(start);
    RealVector x = Eigen::Map<const Eigen::VectorXf>(start.data(), n).cast<double>().array() - 0.5;
    const ShiftedTridiagonal shifted(diagonal, beside, shift, tiny);
    for (int step = 0; step < 3; ++step) {
      shifted.solve(x);
      x /= x.cwiseAbs().maxCoeff();
    }
    vectors.col(i) = x.normalized();
  }
  return vectors;
}

}  // namespace

double largest_column(const RealMatrix& matrix) { return matrix.colwise().norm().maxCoeff(); }

Singular leading_singular_of(const RealMatrix& w, Eigen::Index k, double tolerance, int threads) {
  if (k < 1 || k > std::min(w.rows(), w.cols()))
    throw std::invalid_argument("from 1 to min(rows, columns) triples");
  if (w.rows() < w.cols()) {
    Singular found = leading_singular_of(w.transpose(), k, tolerance, threads);
    std::swap(found.left, found.right);
    return found;
  }
  const auto of_all = [&] {
    const Singular all = singular_of(w);
    return Singular{
        .left = all.left.leftCols(k), .values = all.values.head(k), .right = all.right.leftCols(k)};
  };
  // Where most are asked for, or all is done in no time.
  if (2 * k > w.cols() || w.cols() < 64) return of_all();
  const Eigen::Tridiagonalization<RealMatrix> reduced(transposed_product(w, w, threads));
  RealMatrix vectors = tridiagonal_vectors(reduced.diagonal(), reduced.subDiagonal(), k);
  vectors = orthonormal_basis(reduced.matrixQ() * vectors, threads);
  // Of W vectors = left diag(values) right^T.
  const RealMatrix image = product(w, vectors, threads);
  Singular found = singular_of_factor(image.transpose(), threads);
  std::swap(found.left, found.right);
  const RealMatrix right = product(vectors, found.right, threads);
  const double wanted = tolerance * found.values[0];
  const RealMatrix residual =
      transposed_product(w, found.left, threads) - right * found.values.asDiagonal();
  // ||W right - left values|| is that of the small decomposition.
  if (!(largest_column(residual) <= wanted) ||
      !(largest_column(product(image, found.right) - found.left * found.values.asDiagonal()) <=
        wanted))
    return of_all();
  found.right = right;
  return found;
}

}  // namespace rankscope
