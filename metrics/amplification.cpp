#include "metrics/amplification.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "common/draws.h"
#include "common/parallel.h"

namespace rankscope {

namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

}  // namespace

WeightRows::WeightRows(std::span<const float> values, Eigen::Index rows, Eigen::Index cols,
                       int threads)
    : values_(values), rows_(rows), cols_(cols), threads_(threads) {
  if (static_cast<Eigen::Index>(values.size()) != rows * cols) {
    throw std::invalid_argument("as many weights as rows times columns");
  }
}

RealMatrix WeightRows::times(const MatrixView& right) const {
  if (right.rows() != cols_) throw std::invalid_argument("as many rows as W has columns");
  RealMatrix product(rows_, right.cols());
  multiply({right.data(), false, right.outerStride(), 1}, right.cols(),
           {values_.data(), true, cols_, 1}, rows_, cols_, product.data(), threads_);
  return product;
}

RealMatrix WeightRows::transposed_times(const MatrixView& left) const {
  if (left.rows() != rows_) throw std::invalid_argument("as many rows as W");
  RealMatrix product(cols_, left.cols());
  multiply({left.data(), false, left.outerStride(), 1}, left.cols(),
           {values_.data(), true, 1, cols_}, cols_, rows_, product.data(), threads_);
  return product;
}

double WeightRows::frobenius() const {
  // Row by row, so that a long sum loses nothing and threads change nothing.
  std::vector<double> squares(static_cast<std::size_t>(rows_));
  constexpr Eigen::Index kRows = 64;
  parallel_for(
      static_cast<std::size_t>((rows_ + kRows - 1) / kRows), threads_, [&](std::size_t block) {
        const Eigen::Index first = static_cast<Eigen::Index>(block) * kRows;
        for (Eigen::Index i = first; i < std::min(first + kRows, rows_); ++i) {
          std::array<double, 8> sums{};
          const float* row = values_.data() + i * cols_;
          for (Eigen::Index j = 0; j < cols_; ++j)
            sums[static_cast<std::size_t>(j % 8)] += double{row[j]} * double{row[j]};
          squares[static_cast<std::size_t>(i)] = std::accumulate(sums.begin(), sums.end(), 0.0);
        }
      });
  return std::sqrt(std::accumulate(squares.begin(), squares.end(), 0.0));
}

RealMatrix WeightRows::dense() const {
  return Eigen::Map<const RowMajor>(values_.data(), rows_, cols_).cast<double>();
}

double projected_norm(const WeightRows& weight, const RealMatrix& u, const RealMatrix& v) {
  return transposed_product(u, weight.times(v), weight.threads()).norm();
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
    return orthonormal_basis(
        Eigen::Map<const Eigen::MatrixXf>(normals.data(), rows, rank).cast<double>(),
        weight.threads());
  };
  return projected_norm(weight, basis(weight.rows(), 0), basis(weight.cols(), 1));
}

}  // namespace rankscope
