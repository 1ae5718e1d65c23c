// The leading singular triples of a weight matrix: leading_singular of amplification.h.
#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "common/draws.h"
#include "metrics/amplification.h"
#include "metrics/gram_singular.h"

namespace rankscope {

namespace {

// Vectors a step. More of them use a pass over W better, and find equal singular values; fewer give
// a basis of the same size to a higher power of W^T W.
constexpr Eigen::Index kBlock = 32;
constexpr double kCoreTolerance = 1e-10;  // of the triples of W within the span of the bases

// W or, where that has fewer rows than columns, its transpose.
struct Operator {
  const WeightRows& weight;
  bool swapped;

  Eigen::Index rows() const { return swapped ? weight.cols() : weight.rows(); }
  Eigen::Index cols() const { return swapped ? weight.rows() : weight.cols(); }
  RealMatrix times(const MatrixView& x) const {
    return swapped ? weight.transposed_times(x) : weight.times(x);
  }
  RealMatrix transposed_times(const MatrixView& x) const {
    return swapped ? weight.times(x) : weight.transposed_times(x);
  }
};

// Orthonormal columns, a block after the other.
class Basis {
 public:
  Basis(Eigen::Index rows, int threads) : columns_(rows, 8 * kBlock), threads_(threads) {}

  MatrixView columns() const { return columns_.leftCols(used_); }
  MatrixView last() const { return columns_.middleCols(used_ - last_, last_); }
  Eigen::Index size() const { return used_; }

  // What `block` adds to the span, or other directions where it adds none. Twice and more: what is
  // left of a block that adds little is rounding error, and lies in the span in part until it is
  // taken out again.
  void append(RealMatrix block) {
    constexpr int kPasses = 6;
    constexpr double kShared = 1e-10;
    for (int pass = 0; pass < kPasses; ++pass) {
      double shared = 0;
      if (used_ > 0) {
        const RealMatrix within = transposed_product(columns(), block, threads_);
        block -= product(columns(), within, threads_);
        shared = within.norm();
      }
      const bool drawn = replace_zeros(block);
      block = orthonormal_basis(block, threads_);
      if (pass > 0 && !drawn && shared < kShared) break;
    }
    if (used_ + block.cols() > columns_.cols())
      columns_.conservativeResize(Eigen::NoChange, 2 * columns_.cols());
    columns_.middleCols(used_, block.cols()) = block;
    used_ += block.cols();
    last_ = block.cols();
  }

 private:
  bool replace_zeros(RealMatrix& block) const {
    bool replaced = false;
    std::vector<float> drawn(static_cast<std::size_t>(block.rows()));
    for (Eigen::Index j = 0; j < block.cols(); ++j) {
      if (!block.col(j).isZero(0)) continue;
      Draws(0, "leading singular", "in place of zeros", static_cast<std::uint64_t>(used_ + j))
          .fill_normal(drawn);
      block.col(j) = Eigen::Map<const Eigen::VectorXf>(drawn.data(), block.rows()).cast<double>();
      replaced = true;
    }
    return replaced;
  }

  RealMatrix columns_;
  Eigen::Index used_ = 0, last_ = 0;
  int threads_;
};

// How many vectors to take next, from the residuals that two sizes of the basis left: as many as
// its fall, geometric in between, asks for, at least two blocks.
Eigen::Index next_size(Eigen::Index before, double residual_before, Eigen::Index now,
                       double residual, double wanted) {
  const double fall = std::log(residual_before / residual) / static_cast<double>(now - before);
  const double more =
      fall > 0 ? 1.05 * std::log(residual / wanted) / fall : static_cast<double>(now);
  return now + std::clamp<Eigen::Index>(static_cast<Eigen::Index>(std::min(more, 1e6)), 2 * kBlock,
                                        now / 2);
}

}  // namespace

Singular leading_singular(const WeightRows& weight, Eigen::Index k, std::uint64_t seed,
                          double tolerance, Eigen::Index most_vectors) {
  const Operator w{weight, weight.rows() < weight.cols()};
  if (k < 1 || k > w.cols()) throw std::invalid_argument("from 1 to min(d_in, d_out) triples");
  const int threads = weight.threads();
  const Eigen::Index most = std::min(w.cols(), std::max(most_vectors, k));

  RealMatrix start(w.cols(), std::min(kBlock, w.cols()));
  std::vector<float> normals(static_cast<std::size_t>(start.size()));
  Draws(seed, "leading singular", "start").fill_normal(normals);
  std::ranges::copy(normals, start.data());
  Basis right(w.cols(), threads), left(w.rows(), threads);
  RealMatrix core(0, 0);  // left^T W right
  Eigen::Index checked = 0, next = std::min(most, 2 * k + 2 * kBlock);
  double residual_before = 1;
  for (RealMatrix block = std::move(start);;) {
    right.append(std::move(block));
    RealMatrix image = w.times(right.last());
    left.append(image);
    const Eigen::Index size = left.size(), width = image.cols();
    core.conservativeResizeLike(RealMatrix::Zero(size, size));
    core.rightCols(width) = transposed_product(left.columns(), image, threads);
    // W right = left core, so that of u = left x and v = right y only W^T u - s v may differ from
    // 0, by what of W^T left lies beyond `right`: that of the last block.
    image = w.transposed_times(left.last());
    const RealMatrix beyond =
        image -
        product(right.columns(), transposed_product(right.columns(), image, threads), threads);
    if (size >= next) {
      const Singular found = leading_singular_of(core, k, kCoreTolerance, threads);
      const RealMatrix& x = found.left;
      const double residual =
          size == w.cols() ? 0 : largest_column(product(beyond, x.bottomRows(width)));
      const double wanted = tolerance * found.values[0];
      if (residual <= wanted) {
        Singular triples{.left = product(left.columns(), x, threads),
                         .values = found.values,
                         .right = product(right.columns(), found.right, threads)};
        const auto scaled = [&](const RealMatrix& vectors) {
          return vectors * triples.values.asDiagonal();
        };
        if (largest_column(w.times(triples.right) - scaled(triples.left)) <= wanted &&
            largest_column(w.transposed_times(triples.left) - scaled(triples.right)) <= wanted) {
          if (w.swapped) std::swap(triples.left, triples.right);
          return triples;
        }
      }
      if (size >= most) break;
      next = std::min(most, checked == 0 ? size + size / 4
                                         : next_size(checked, residual_before, size,
                                                     std::max(residual, 1e-300), wanted));
      checked = size;
      residual_before = std::max(residual, 1e-300);
    }
    block = beyond.leftCols(std::min(width, std::min(w.cols(), most) - size));
  }
  throw std::runtime_error(
      "the leading singular vectors did not settle; equal singular values at "
      "the cut do so");
}

}  // namespace rankscope
