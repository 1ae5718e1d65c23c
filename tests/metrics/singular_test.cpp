// Singular values of factors and products, against the dense decomposition and planted answers.
#include "metrics/singular.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "tests/metrics/random_matrices.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

void check_decomposes(const Singular& svd, const RealMatrix& matrix) {
  const double size = std::max(matrix.norm(), 1e-300);
  CHECK((svd.left * svd.values.asDiagonal() * svd.right.transpose() - matrix).norm() <=
        1e-12 * size);
  const Eigen::Index k = svd.values.size();
  CHECK((svd.left.transpose() * svd.left - RealMatrix::Identity(k, k)).norm() < 1e-11);
  CHECK((svd.right.transpose() * svd.right - RealMatrix::Identity(k, k)).norm() < 1e-11);
  for (Eigen::Index i = 1; i < k; ++i) CHECK(svd.values[i - 1] >= svd.values[i]);
}

}  // namespace

TEST_CASE("the triples of B A are those of the product") {
  for (const auto& [d_out, d_in, rank] :
       {std::array<int, 3>{40, 60, 1}, {60, 40, 8}, {96, 96, 64}, {20, 30, 30}, {300, 280, 160}}) {
    CAPTURE(d_out, d_in, rank);
    const RealMatrix b = gaussian(d_out, rank, "b"), a = gaussian(rank, d_in, "a");
    const RealMatrix product = 2.5 * b * a;
    const Singular svd = singular_of_update(b, a, 2.5);
    check_decomposes(svd, product);
    const Singular dense = singular_of(product);
    REQUIRE(svd.values.size() == std::min({d_out, d_in, rank}));
    for (Eigen::Index i = 0; i < svd.values.size(); ++i)
      CHECK(svd.values[i] == Approx(dense.values[i]).epsilon(1e-9).margin(1e-12 * dense.values[0]));
  }
  CHECK_THROWS_AS(singular_of_update(gaussian(4, 2, "b"), gaussian(3, 4, "a"), 1),
                  std::invalid_argument);
}

TEST_CASE("a planted spectrum comes back, repeated and zero values among it") {
  const RealVector planted = (RealVector(5) << 7, 3, 3, 1e-4, 0).finished();
  const RealMatrix u = orthonormal(50, 5, "u"), v = orthonormal(70, 5, "v");
  const Singular svd = singular_of_update(u * planted.asDiagonal(), v.transpose(), 1);
  for (Eigen::Index i = 0; i < 5; ++i) CHECK(svd.values[i] == Approx(planted[i]).margin(1e-13));
  CHECK(std::abs(svd.right.col(0).dot(v.col(0))) == Approx(1));
  CHECK(determined_spans(svd.values, 70) == std::vector<bool>{true, false, true, true, false});
}

TEST_CASE("the right vectors of a factor span its rows") {
  const RealMatrix a = gaussian(6, 90, "a");
  const Singular svd = singular_of_factor(a);
  check_decomposes(svd, a);
  REQUIRE(svd.right.cols() == 6);
  // Rank-deficient: two rows alike.
  RealMatrix deficient = a;
  deficient.row(5) = deficient.row(4);
  const Singular rest = singular_of_factor(deficient);
  check_decomposes(rest, deficient);
  CHECK(rest.values[5] < 1e-13 * rest.values[0]);
  CHECK_FALSE(determined_spans(rest.values, 90).back());
}

TEST_CASE("of a zero update no span is determined and no rank is given") {
  const Singular svd = singular_of_update(RealMatrix::Zero(30, 4), gaussian(4, 20, "a"), 2);
  CHECK(svd.values.norm() == 0);
  CHECK(determined_spans(svd.values, 20) == std::vector<bool>(4, false));
  CHECK(std::isnan(effective_rank(svd.values)));
  CHECK(std::isnan(stable_rank(svd.values)));
}

TEST_CASE("where the vectors span the whole space, their span is determined") {
  CHECK(determined_spans(RealVector::Ones(3), 3) == std::vector<bool>{false, false, true});
  CHECK(determined_spans(RealVector::Ones(3), 4) == std::vector<bool>{false, false, true});
}

TEST_CASE("effective and stable rank of known spectra") {
  CHECK(effective_rank(RealVector::Constant(7, 2.0)) == Approx(7));
  CHECK(stable_rank(RealVector::Constant(7, 2.0)) == Approx(7));
  const RealVector one = (RealVector(3) << 5, 0, 0).finished();
  CHECK(effective_rank(one) == Approx(1));
  CHECK(stable_rank(one) == Approx(1));
  const RealVector two = (RealVector(2) << 3, 1).finished();
  CHECK(effective_rank(two) == Approx(std::exp(-0.75 * std::log(0.75) - 0.25 * std::log(0.25))));
  CHECK(stable_rank(two) == Approx(10.0 / 9));
}

TEST_CASE("orthonormal bases of ill-conditioned and of dependent columns are orthonormal") {
  // Across the condition at which Cholesky gives way to Householder.
  for (const double smallest : {1.0, 1e-3, 1e-6, 1e-7, 1e-8, 1e-12, 0.0}) {
    CAPTURE(smallest);
    RealVector spectrum(12);
    for (int i = 0; i < 12; ++i) spectrum[i] = i < 6 ? 1 : smallest;
    const RealMatrix matrix =
        orthonormal(400, 12, "u") * spectrum.asDiagonal() * orthonormal(12, 12, "v").transpose();
    const RealMatrix q = orthonormal_basis(matrix);
    CHECK((q.transpose() * q - RealMatrix::Identity(12, 12)).norm() < 1e-13);
    CHECK((q * (q.transpose() * matrix) - matrix).norm() < 1e-13 * matrix.norm());
    const Singular svd = singular_of_factor(matrix.transpose());
    check_decomposes(svd, matrix.transpose());
    for (int i = 0; i < 12; ++i) CHECK(svd.values[i] == Approx(spectrum[i]).margin(1e-14));
  }
}

TEST_CASE("factors in fp32 give the triples of the same values in double") {
  const RealMatrix b = gaussian(90, 7, "b"), a = gaussian(7, 50, "a");
  const auto rows_of = [](const RealMatrix& matrix) {
    std::vector<float> values;
    for (Eigen::Index i = 0; i < matrix.rows(); ++i)
      for (Eigen::Index j = 0; j < matrix.cols(); ++j)
        values.push_back(static_cast<float>(matrix(i, j)));
    return values;
  };
  const std::vector<float> b_values = rows_of(b), a_values = rows_of(a);
  const FactorRows b_rows(b_values, 90, 7), a_rows(a_values, 7, 50);
  const Singular expected = singular_of_update(b, a, 2),
                 found = singular_of_update(b_rows, a_rows, 2);
  CHECK(found.values == expected.values);
  CHECK(found.left == expected.left);
  CHECK(found.right == expected.right);
  const Singular right = singular_of_update(b_rows, a_rows, 2, 1, UpdateSides::kRight);
  CHECK(right.left.size() == 0);
  CHECK(right.right == expected.right);
  CHECK(singular_of_factor(a_rows).right == singular_of_factor(a).right);
  CHECK_THROWS_AS(FactorRows(a_values, 7, 51), std::invalid_argument);
}
