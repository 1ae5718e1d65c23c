// Matrices with a known structure.
#pragma once

#include <cstring>
#include <string_view>
#include <vector>

#include "common/draws.h"
#include "metrics/singular.h"

namespace rankscope::tests {

inline RealMatrix gaussian(Eigen::Index rows, Eigen::Index cols, std::string_view name) {
  std::vector<float> values(static_cast<std::size_t>(rows * cols));
  Draws(1, "test matrices", name).fill_normal(values);
  RealMatrix matrix(rows, cols);
  for (Eigen::Index i = 0; i < matrix.size(); ++i)
    matrix.data()[i] = values[static_cast<std::size_t>(i)];
  return matrix;
}

// Orthonormal columns, their span drawn evenly.
inline RealMatrix orthonormal(Eigen::Index rows, Eigen::Index cols, std::string_view name) {
  return orthonormal_basis(gaussian(rows, cols, name));
}

inline bool same_bits(const RealMatrix& a, const RealMatrix& b) {
  return a.rows() == b.rows() && a.cols() == b.cols() &&
         std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(double)) == 0;
}

}  // namespace rankscope::tests
