#include "metrics/intruder_dimensions.h"

#include <catch2/catch.hpp>

#include "metrics/amplification.h"
#include "tests/metrics/random_matrices.h"

using namespace rankscope;
using namespace rankscope::tests;

TEST_CASE(
    "a planted direction that the original lacks counts as an intruder, a strengthened one does "
    "not") {
  // W = sum of s_k u_k v_k^T over 20 of 40 directions.
  const RealMatrix u = orthonormal(40, 21, "u"), v = orthonormal(30, 21, "v");
  RealVector spectrum(20);
  for (int k = 0; k < 20; ++k) spectrum[k] = 20 - k;
  const RealMatrix w = u.leftCols(20) * spectrum.asDiagonal() * v.leftCols(20).transpose();
  const RealMatrix left = u.leftCols(20);
  CHECK(intruder_dimensions(left, w, 0.5) == 0);
  const RealMatrix strengthened = w + 30 * u.col(3) * v.col(3).transpose();
  CHECK(intruder_dimensions(left, strengthened, 0.5) == 0);
  const RealMatrix intruded = w + 30 * u.col(20) * v.col(20).transpose();
  CHECK(intruder_dimensions(left, intruded, 0.5) == 1);
  // Too weak to be among the first 10.
  const RealMatrix weak = w + 0.5 * u.col(20) * v.col(20).transpose();
  CHECK(intruder_dimensions(left, weak, 0.5) == 0);
  CHECK(intruder_dimensions(left, weak, 0.5, 21) == 1);
  // Half old, half new: a cosine of about 0.7 with u_0.
  const RealMatrix mixed =
      w + 200 * (u.col(0) + u.col(20)) / std::sqrt(2.0) * v.col(20).transpose();
  CHECK(intruder_dimensions(left, mixed, 0.9) >= 1);
  CHECK(intruder_dimensions(left, mixed, 0.5) == 0);
  // An even mixture of three old directions has a cosine of 0.577 with each, though it lies in
  // their span; what of that span is left beside it is a plane, whose every direction has one of
  // 0.707 to 0.816 with one of them.
  const RealMatrix mixture =
      w + 200 * (u.col(0) + u.col(1) + u.col(2)) / std::sqrt(3.0) * v.col(20).transpose();
  CHECK(intruder_dimensions(left, mixture, 0.9) == 3);
  CHECK(intruder_dimensions(left, mixture, 0.6) == 1);
  CHECK(intruder_dimensions(left, mixture, 0.5) == 0);
  CHECK_THROWS_AS(intruder_dimensions(left, w.transpose(), 0.5), std::invalid_argument);
}

TEST_CASE("drawn subspaces hold on average what their expectation says, and are keyed") {
  const RealMatrix w = gaussian(60, 45, "w");
  std::vector<float> values;
  for (Eigen::Index i = 0; i < w.rows(); ++i)
    for (Eigen::Index j = 0; j < w.cols(); ++j) values.push_back(static_cast<float>(w(i, j)));
  const WeightRows weight(values, 60, 45);
  double squares = 0;
  constexpr int kDraws = 400;
  for (int seed = 0; seed < kDraws; ++seed) {
    const double norm = drawn_projected_norm(weight, 4, static_cast<std::uint64_t>(seed), "test");
    squares += norm * norm / kDraws;
  }
  const double expected = random_projected_norm(weight, weight.frobenius(), 4);
  CHECK(std::sqrt(squares) == Approx(expected).epsilon(0.03));
  CHECK(drawn_projected_norm(weight, 4, 1, "test") == drawn_projected_norm(weight, 4, 1, "test"));
  CHECK(drawn_projected_norm(weight, 4, 1, "test") != drawn_projected_norm(weight, 4, 2, "test"));
}
