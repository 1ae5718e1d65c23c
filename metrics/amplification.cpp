#include "metrics/amplification.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "common/draws.h"

namespace rankscope {

namespace {

constexpr Eigen::Index kBlockRows = 256;

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

}  // namespace

WeightRows::WeightRows(std::span<const float> values, Eigen::Index rows, Eigen::Index cols)
    : values_(values), rows_(rows), cols_(cols) {
  if (static_cast<Eigen::Index>(values.size()) != rows * cols) {
    throw std::invalid_argument("as many weights as rows times columns");
  }
}

template <typename Visit>
void WeightRows::each_block(const Visit& visit) const {
  for (Eigen::Index first = 0; first < rows_; first += kBlockRows) {
    const Eigen::Index count = std::min(kBlockRows, rows_ - first);
    const Eigen::Map<const RowMajor> block(values_.data() + first * cols_, count, cols_);
    visit(first, RealMatrix(block.cast<double>()));
  }
}

RealMatrix WeightRows::times(const RealMatrix& right) const {
  RealMatrix product(rows_, right.cols());
  each_block([&](Eigen::Index first, const RealMatrix& block) {
    product.middleRows(first, block.rows()).noalias() = block * right;
  });
  return product;
}

RealMatrix WeightRows::transposed_times(const RealMatrix& left) const {
  RealMatrix product = RealMatrix::Zero(cols_, left.cols());
  each_block([&](Eigen::Index first, const RealMatrix& block) {
    product.noalias() += block.transpose() * left.middleRows(first, block.rows());
  });
  return product;
}

double WeightRows::frobenius() const {
  double sum = 0;
  each_block([&](Eigen::Index, const RealMatrix& block) { sum += block.squaredNorm(); });
  return std::sqrt(sum);
}

double projected_norm(const WeightRows& weight, const RealMatrix& u, const RealMatrix& v) {
  return (u.transpose() * weight.times(v)).norm();
}

Amplification amplification_of(const WeightRows& weight, const Singular& update) {
  Amplification result{.update_norm = update.values.norm(),
                       .projected = projected_norm(weight, update.left, update.right),
                       .factor = std::nullopt};
  if (result.projected > 0 && result.update_norm > 0) {
    result.factor = result.update_norm / result.projected;
  }
  return result;
}

double random_projected_norm(const WeightRows& weight, double weight_norm, Eigen::Index rank) {
  return static_cast<double>(rank) /
         std::sqrt(static_cast<double>(weight.rows()) * static_cast<double>(weight.cols())) *
         weight_norm;
}

double drawn_projected_norm(const WeightRows& weight, Eigen::Index rank, std::uint64_t seed,
                            std::string_view name) {
  const auto basis = [&](Eigen::Index rows, std::uint64_t step) {
    std::vector<float> normals(static_cast<std::size_t>(rows * rank));
    Draws(seed, "drawn subspace", name, step).fill_normal(normals);
    return orthonormal_basis(Eigen::Map<const Eigen::MatrixXf>(normals.data(), rows, rank).cast<double>());
  };
  return projected_norm(weight, basis(weight.rows(), 0), basis(weight.cols(), 1));
}

Singular leading_singular(const WeightRows& weight, Eigen::Index k, std::uint64_t seed,
                          double tolerance, int most_passes) {
  const Eigen::Index smaller = std::min(weight.rows(), weight.cols());
  if (k < 1 || k > smaller) throw std::invalid_argument("from 1 to min(d_in, d_out) triples");
  // More vectors than are asked for: convergence then hangs on a gap further down.
  const Eigen::Index width = std::min(smaller, k + std::max<Eigen::Index>(8, k / 4));
  RealMatrix start(weight.cols(), width);
  std::vector<float> normals(static_cast<std::size_t>(start.size()));
  Draws(seed, "leading singular", "start").fill_normal(normals);
  std::ranges::copy(normals, start.data());
  RealMatrix image = weight.times(orthonormal_basis(start));
  for (int passes = 1; passes + 2 <= most_passes; passes += 2) {
    const RealMatrix q = orthonormal_basis(image);
    // The triples of W within the span of q: of Q^T W = left diag(values) right^T.
    const Singular core = singular_of(weight.transposed_times(q).transpose());
    const RealMatrix left = q * core.left.leftCols(k);
    image = weight.times(core.right);
    const RealMatrix residual = image.leftCols(k) - left * core.values.head(k).asDiagonal();
    if (residual.colwise().norm().maxCoeff() <= tolerance * core.values[0]) {
      return {.left = left, .values = core.values.head(k), .right = core.right.leftCols(k)};
    }
  }
  throw std::runtime_error("the leading singular vectors did not settle; equal singular values at "
                           "the cut do so");
}

}  // namespace rankscope
