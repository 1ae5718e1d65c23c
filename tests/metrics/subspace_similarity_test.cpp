// phi at its known values: the same, orthogonal, planted and random subspaces.
#include "metrics/subspace_similarity.h"

#include <catch2/catch.hpp>

#include "tests/metrics/random_matrices.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

RealMatrix phi_of(const RealMatrix& u, const RealMatrix& v) {
  return subspace_similarity(dot_products(u, v));
}

}  // namespace

TEST_CASE("phi of a subspace with itself, with one within it, and with one orthogonal to it") {
  const RealMatrix all = orthonormal(40, 12, "all");
  const RealMatrix phi = phi_of(all.leftCols(6), all.leftCols(6));
  // One lies within the other, whatever i and j.
  CHECK((phi - RealMatrix::Ones(6, 6)).norm() < 1e-12);
  CHECK(phi_of(all.leftCols(6), all.rightCols(6)).norm() < 1e-12);
  CHECK_THROWS_AS(phi_of(all, orthonormal(41, 3, "other")), std::invalid_argument);
}

TEST_CASE("phi is equation 4, element by element") {
  const RealMatrix u = orthonormal(30, 5, "u"), v = orthonormal(30, 9, "v");
  const RealMatrix phi = phi_of(u, v);
  REQUIRE(phi.rows() == 5);
  REQUIRE(phi.cols() == 9);
  for (int i = 1; i <= 5; ++i)
    for (int j = 1; j <= 9; ++j)
      CHECK(phi(i - 1, j - 1) ==
            Approx((u.leftCols(i).transpose() * v.leftCols(j)).squaredNorm() / std::min(i, j)));
}

TEST_CASE("a planted overlap is found where it was planted") {
  // Of three directions the second is shared, as the other's first.
  const RealMatrix all = orthonormal(50, 6, "all");
  RealMatrix u = all.leftCols(3), v(50, 3);
  v << all.col(1), all.col(4), all.col(5);
  const RealMatrix phi = phi_of(u, v);
  CHECK(phi(0, 0) == Approx(0).margin(1e-12));
  CHECK(phi(1, 0) == Approx(1));
  CHECK(phi(1, 1) == Approx(0.5));
  CHECK(phi(2, 2) == Approx(1.0 / 3));
}

TEST_CASE("phi does not depend on a factor's rows as such, only on what they span") {
  const RealMatrix a = gaussian(7, 60, "a"), other = orthonormal(60, 9, "other");
  const RealMatrix before = phi_of(singular_of_factor(a).right, other);
  const RealMatrix mixed = orthonormal(7, 7, "mixing") * a;
  CHECK((phi_of(singular_of_factor(mixed).right, other) - before).norm() < 1e-10);
  // An invertible mixing keeps the whole span alone.
  const RealMatrix skewed = gaussian(7, 7, "skew") * a;
  const RealMatrix after = phi_of(singular_of_factor(skewed).right, other);
  CHECK((after.row(6) - before.row(6)).norm() < 1e-9);
  CHECK((after.row(2) - before.row(2)).norm() > 1e-3);
}

TEST_CASE("random subspaces have phi max(i, j) / d on average, and fall into the band") {
  constexpr int kDraws = 300, kDimension = 32;
  const RealMatrix chance = chance_similarity(4, 10, kDimension);
  CHECK(chance(0, 0) == 1.0 / 32);
  CHECK(chance(3, 9) == 10.0 / 32);
  // A band of 400 draws covers 95 % to within some 2 %, the count below to within 1 %.
  const ChanceBand band = chance_band(4, 10, kDimension, 8);
  RealMatrix sum = RealMatrix::Zero(4, 10), inside = RealMatrix::Zero(4, 10);
  for (int n = 0; n < kDraws; ++n) {
    const RealMatrix phi = phi_of(orthonormal(kDimension, 4, "u" + std::to_string(n)),
                                  orthonormal(kDimension, 10, "v" + std::to_string(n)));
    sum += phi;
    inside.array() +=
        (phi.array() >= band.low.array() && phi.array() <= band.high.array()).cast<double>();
  }
  for (int i = 1; i <= 4; ++i) {
    for (int j = 1; j <= 10; ++j) {
      CAPTURE(i, j);
      // Var ||U_i^T V_j||^2 = 2 i j (d - i)(d - j) / (d^2 (d - 1)(d + 2)).
      const double d = kDimension;
      const double deviation =
          std::sqrt(2.0 * i * j * (d - i) * (d - j) / (d * d * (d - 1) * (d + 2))) / std::min(i, j);
      CHECK(std::abs(sum(i - 1, j - 1) / kDraws - chance(i - 1, j - 1)) <
            4.5 * deviation / std::sqrt(double{kDraws}));
      CHECK(inside(i - 1, j - 1) / kDraws > 0.90);
      CHECK(inside(i - 1, j - 1) / kDraws < 0.99);
      CHECK(band.low(i - 1, j - 1) < chance(i - 1, j - 1));
      CHECK(band.high(i - 1, j - 1) > chance(i - 1, j - 1));
    }
  }
}

TEST_CASE("the band is the same for the same seed, and has no width in the whole space") {
  CHECK(chance_band(3, 3, 50, 1).high == chance_band(3, 3, 50, 1).high);
  CHECK(chance_band(3, 3, 50, 1).high != chance_band(3, 3, 50, 2).high);
  const ChanceBand all = chance_band(5, 5, 5, 1, 100);
  CHECK(all.low(4, 4) == Approx(1));
  CHECK(all.high(4, 4) == Approx(1));
  CHECK(all.low(0, 4) == Approx(1));
}

TEST_CASE("principal angles and the Projection Metric agree with phi") {
  const RealMatrix u = orthonormal(25, 4, "u"), v = orthonormal(25, 6, "v");
  const double phi = phi_of(u, v)(3, 5);
  CHECK(principal_cosines(dot_products(u, v)).squaredNorm() / 4 == Approx(phi));
  // Appendix G: phi = 1 - d^2 / p (the paper prints (1 - d^2) / p).
  const double metric = projection_metric(dot_products(u, v));
  CHECK(1 - metric * metric / 4 == Approx(phi));
  CHECK(projection_metric(dot_products(u, u)) == Approx(0).margin(1e-7));
}
