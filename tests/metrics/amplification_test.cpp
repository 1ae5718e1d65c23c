// Table 7's numbers on matrices whose answer is known.
#include "metrics/amplification.h"

#include <catch2/catch.hpp>

#include "tests/metrics/random_matrices.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

// Row-major fp32, as weights are kept.
std::vector<float> stored(const RealMatrix& matrix) {
  std::vector<float> values;
  for (Eigen::Index i = 0; i < matrix.rows(); ++i)
    for (Eigen::Index j = 0; j < matrix.cols(); ++j)
      values.push_back(static_cast<float>(matrix(i, j)));
  return values;
}

}  // namespace

TEST_CASE("weights are read in blocks, and give the products of the whole matrix") {
  const RealMatrix w = gaussian(600, 70, "w");
  const std::vector<float> values = stored(w);
  const WeightRows weight(values, 600, 70);
  const RealMatrix right = gaussian(70, 5, "right"), left = gaussian(600, 4, "left");
  CHECK((weight.times(right) - w * right).norm() < 1e-9);
  CHECK((weight.transposed_times(left) - w.transpose() * left).norm() < 1e-9);
  CHECK(weight.frobenius() == Approx(w.norm()));
  CHECK_THROWS_AS(WeightRows(values, 600, 71), std::invalid_argument);
}

TEST_CASE("amplification of an update whose share of W is known") {
  // W has 2 in the first direction and 5 in the second; the update lies in the first and in a new
  // one.
  const RealMatrix u = orthonormal(40, 3, "u"), v = orthonormal(30, 3, "v");
  const RealMatrix w = 2 * u.col(0) * v.col(0).transpose() + 5 * u.col(1) * v.col(1).transpose();
  const std::vector<float> values = stored(w);
  const WeightRows weight(values, 40, 30);
  RealMatrix b(40, 2), a(2, 30);
  b << 8 * u.col(0), 6 * u.col(2);
  a << v.col(0).transpose(), v.col(2).transpose();
  const Amplification found = amplification_of(weight, singular_of_update(b, a, 1));
  CHECK(found.update_norm == Approx(10));
  CHECK(found.projected == Approx(2).epsilon(1e-6));
  REQUIRE(found.factor);
  CHECK(*found.factor == Approx(5).epsilon(1e-6));
  // The scale alpha / r multiplies it.
  CHECK(*amplification_of(weight, singular_of_update(b, a, 0.5)).factor ==
        Approx(2.5).epsilon(1e-6));
  // Nothing of W there, and no update at all.
  const std::vector<float> zeros(1200, 0.0f);
  CHECK_FALSE(amplification_of(WeightRows(zeros, 40, 30), singular_of_update(b, a, 1)).factor);
  CHECK_FALSE(amplification_of(weight, singular_of_update(RealMatrix::Zero(40, 2), a, 1)).factor);
}

TEST_CASE("random subspaces take r / sqrt(d_in d_out) of W's norm") {
  const std::vector<float> values =
      stored(gaussian(48, 36, "w") + RealMatrix::Constant(48, 36, 0.7));
  const WeightRows weight(values, 48, 36);
  double squares = 0;
  constexpr int kDraws = 400;
  for (int n = 0; n < kDraws; ++n) {
    const double norm = projected_norm(weight, orthonormal(48, 6, "u" + std::to_string(n)),
                                       orthonormal(36, 6, "v" + std::to_string(n)));
    squares += norm * norm;
  }
  CHECK(std::sqrt(squares / kDraws) ==
        Approx(random_projected_norm(weight, weight.frobenius(), 6)).epsilon(0.05));
}

TEST_CASE("the leading triples of W are those of its whole decomposition") {
  for (const auto& [rows, cols] : {std::pair{300, 120}, {90, 200}}) {
    // A spectrum that falls slowly.
    const int k = 90;
    RealVector spectrum(k);
    for (int i = 0; i < k; ++i) spectrum[i] = 10.0 / (1 + 0.1 * i);
    const RealMatrix w =
        orthonormal(rows, k, "u") * spectrum.asDiagonal() * orthonormal(cols, k, "v").transpose();
    const std::vector<float> values = stored(w);
    const WeightRows weight(values, rows, cols);
    const Singular found = leading_singular(weight, 10, 3);
    const Singular dense = singular_of(w);
    for (int i = 0; i < 10; ++i) {
      CAPTURE(rows, i);
      CHECK(found.values[i] == Approx(spectrum[i]).epsilon(1e-6));
      CHECK(std::abs(found.left.col(i).dot(dense.left.col(i))) == Approx(1).epsilon(1e-6));
      CHECK(std::abs(found.right.col(i).dot(dense.right.col(i))) == Approx(1).epsilon(1e-6));
    }
    // U and V of W itself: Table 7's second column, the root of the leading squares.
    CHECK(projected_norm(weight, found.left, found.right) ==
          Approx(spectrum.head(10).norm()).epsilon(1e-6));
  }
}

TEST_CASE("all triples of a small W can be asked for, and too many not") {
  const std::vector<float> values = stored(gaussian(9, 7, "w"));
  const WeightRows weight(values, 9, 7);
  CHECK(leading_singular(weight, 7, 1).values.norm() == Approx(weight.frobenius()));
  CHECK_THROWS_AS(leading_singular(weight, 8, 1), std::invalid_argument);
}

TEST_CASE("leading triples of matrices that make the search hard") {
  // Fewer directions than a block; none at all; equal singular values at the cut; a slow, dense
  // spectrum.
  const RealMatrix thin = orthonormal(1300, 3, "u") * orthonormal(1100, 3, "v").transpose();
  for (const auto& [matrix, k] : {std::pair<RealMatrix, int>{thin, 5},
                                  {RealMatrix::Zero(200, 150), 4},
                                  {orthonormal(150, 150, "o"), 9},
                                  {gaussian(300, 260, "g"), 40}}) {
    const std::vector<float> values = stored(matrix);
    const WeightRows weight(values, matrix.rows(), matrix.cols());
    const Singular found = leading_singular(weight, k, 3);
    CAPTURE(matrix.rows(), matrix.cols(), k);
    const double largest = std::max(found.values[0], 1e-12);
    const RealMatrix scaled_left = found.left * found.values.asDiagonal(),
                     scaled_right = found.right * found.values.asDiagonal();
    CHECK((weight.times(found.right) - scaled_left).colwise().norm().maxCoeff() <= 1e-6 * largest);
    CHECK((weight.transposed_times(found.left) - scaled_right).colwise().norm().maxCoeff() <=
          1e-6 * largest);
    CHECK((found.left.transpose() * found.left - RealMatrix::Identity(k, k)).norm() < 1e-10);
    CHECK((found.right.transpose() * found.right - RealMatrix::Identity(k, k)).norm() < 1e-10);
    const Singular dense = singular_of(weight.dense());
    CHECK((found.values - dense.values.head(k)).norm() <= 1e-6 * largest);
  }
}

TEST_CASE("a search that may take too few vectors says so") {
  const std::vector<float> values = stored(gaussian(300, 280, "g"));
  CHECK_THROWS_AS(leading_singular(WeightRows(values, 300, 280), 40, 3, 1e-9, 60),
                  std::runtime_error);
}
