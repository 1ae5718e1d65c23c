// Singular value decompositions of what adapters hold, in double precision. A product B A is never
// formed.
#pragma once

#include <span>
#include <vector>

#include <Eigen/Core>

namespace rankscope {

using RealMatrix = Eigen::MatrixXd;
using RealVector = Eigen::VectorXd;

// left * diag(values) * right^T, the values descending; the columns of left and right orthonormal.
struct Singular {
  RealMatrix left;
  RealVector values;
  RealMatrix right;
};

// `threads` below changes the time alone, never a bit.

// A factor as files hold it: [rows, cols] in fp32, row-major. The values must outlive it. Throws
// std::invalid_argument where there are not rows * cols values.
struct FactorRows {
  FactorRows(std::span<const float> all, Eigen::Index row_count, Eigen::Index col_count);
  std::span<const float> values;
  Eigen::Index rows, cols;
};

// Which vectors of an update are wanted; the others are left empty, which saves their products.
enum class UpdateSides { kBoth, kLeft, kRight };

// Orthonormal columns that span those of the matrix, which has no more columns than rows: the Q of
// its QR decomposition.
RealMatrix orthonormal_basis(const RealMatrix& matrix, int threads = 1);

// Of any matrix, all min(rows, columns) triples, to 1e-12 of its norm.
Singular singular_of(const RealMatrix& matrix);
// Of a factor A [r, d]: right has min(r, d) columns in R^d, the space of the paper's section 7.2.
Singular singular_of_factor(const RealMatrix& a, int threads = 1);
Singular singular_of_factor(const FactorRows& a, int threads = 1);
// Of scale * B A with B [d_out, r] and A [r, d_in], through the QR decompositions of both:
// min(r, d_out, d_in) triples. Throws std::invalid_argument where the inner sizes differ.
Singular singular_of_update(const RealMatrix& b, const RealMatrix& a, double scale,
                            int threads = 1);
Singular singular_of_update(const FactorRows& b, const FactorRows& a, double scale, int threads = 1,
                            UpdateSides sides = UpdateSides::kBoth);

// Whether the span of the first k vectors is determined, at [k - 1]: values[k - 1] stands out from
// the next by more than `gap` of the largest. Behind the last one comes 0, or nothing where the
// vectors span all of R^dimension. Of a matrix of zeros no span is determined.
inline constexpr double kSingularGap = 1e-5;
std::vector<bool> determined_spans(const RealVector& values, Eigen::Index dimension,
                                   double gap = kSingularGap);

// Of singular values: exp of the entropy of values / sum (Roy and Vetterli, 2007), and
// sum of squares / largest square. NaN where all are zero.
double effective_rank(const RealVector& values);
double stable_rank(const RealVector& values);

}  // namespace rankscope
