// Does an update amplify what its weight matrix already emphasises? Table 7 of the LoRA paper
// (arXiv 2106.09685, section 7.3).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "metrics/singular.h"

namespace rankscope {

// A weight matrix [d_out, d_in], row-major, read a block of rows at a time, so that no second copy of
// it is made. The values must outlive it.
class WeightRows {
 public:
  WeightRows(std::span<const float> values, Eigen::Index rows, Eigen::Index cols);

  Eigen::Index rows() const { return rows_; }
  Eigen::Index cols() const { return cols_; }
  RealMatrix times(const RealMatrix& right) const;             // W right, right [d_in, n]
  RealMatrix transposed_times(const RealMatrix& left) const;   // W^T left, left [d_out, n]
  double frobenius() const;

 private:
  template <typename Visit>
  void each_block(const Visit& visit) const;

  std::span<const float> values_;
  Eigen::Index rows_, cols_;
};

// ||U^T W V^T||_F in the paper's notation: how much of W lies in the directions of U (columns in
// R^d_out) and V (columns in R^d_in), r each.
double projected_norm(const WeightRows& weight, const RealMatrix& u, const RealMatrix& v);

struct Amplification {
  double update_norm = 0;     // ||dW||_F
  double projected = 0;       // ||U^T W V^T||_F, U and V those of dW
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

// The k largest singular triples by subspace iteration from draws keyed by `seed`, until
// ||W v - s u|| <= tolerance * s_1 for each of them. Throws std::runtime_error where
// `most_passes` over W do not suffice (equal singular values at the cut need many).
Singular leading_singular(const WeightRows& weight, Eigen::Index k, std::uint64_t seed,
                          double tolerance = 1e-6, int most_passes = 200);

}  // namespace rankscope
