// Does an update amplify what its weight matrix already emphasises? Table 7 of the LoRA paper
// (arXiv 2106.09685, section 7.3).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "metrics/products.h"
#include "metrics/singular.h"

namespace rankscope {

// A weight matrix [d_out, d_in], row-major, read where it lies: no second copy of it is made. The
// values must outlive it. Products take `threads` threads, which changes no bit of them.
class WeightRows {
 public:
  // Throws std::invalid_argument where there are not rows * cols values.
  WeightRows(std::span<const float> values, Eigen::Index rows, Eigen::Index cols, int threads = 1);

  Eigen::Index rows() const { return rows_; }
  Eigen::Index cols() const { return cols_; }
  int threads() const { return threads_; }
  RealMatrix times(const MatrixView& right) const;            // W right, right [d_in, n]
  RealMatrix transposed_times(const MatrixView& left) const;  // W^T left, left [d_out, n]
  double frobenius() const;
  RealMatrix dense() const;

 private:
  std::span<const float> values_;
  Eigen::Index rows_, cols_;
  int threads_;
};

// ||U^T W V^T||_F in the paper's notation: how much of W lies in the directions of U (columns in
// R^d_out) and V (columns in R^d_in), r each.
double projected_norm(const WeightRows& weight, const RealMatrix& u, const RealMatrix& v);

struct Amplification {
  double update_norm = 0;        // ||dW||_F
  double projected = 0;          // ||U^T W V^T||_F, U and V those of dW
  std::optional<double> factor;  // update_norm / projected; none where nothing of W lies there
};
// Of an update's singular triples, as many as its rank.
Amplification amplification_of(const WeightRows& weight, const Singular& update);

// What random U and V of rank r give: the root mean square r / sqrt(d_in d_out) ||W||_F, exactly.
// `weight_norm` is weight.frobenius(), a pass over W that its caller has made.
double random_projected_norm(const WeightRows& weight, double weight_norm, Eigen::Index rank);

// The same of one draw of U and V, keyed by `seed` and `name`.
double drawn_projected_norm(const WeightRows& weight, Eigen::Index rank, std::uint64_t seed,
                            std::string_view name);

// The k largest singular triples, by block Lanczos bidiagonalisation (Golub, Luk and Overton, ACM
// TOMS 7, 1981) with full orthogonalisation, from draws keyed by `seed`, until ||W v - s u|| and
// ||W^T u - s v|| <= tolerance * s_1 for each of them, which is then measured. Throws
// std::runtime_error where a basis of `most_vectors` does not suffice (equal singular values at the
// cut may need more). std::invalid_argument unless k is from 1 to min(d_in, d_out).
Singular leading_singular(const WeightRows& weight, Eigen::Index k, std::uint64_t seed,
                          double tolerance = 1e-6, Eigen::Index most_vectors = 2048);

}  // namespace rankscope
