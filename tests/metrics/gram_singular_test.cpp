// The leading triples by the Gram matrix, against the whole decomposition and where the way there
// breaks down.
#include "metrics/gram_singular.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <stdexcept>

#include "tests/metrics/random_matrices.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

RealMatrix with_spectrum(Eigen::Index rows, Eigen::Index cols, const RealVector& values) {
  return orthonormal(rows, values.size(), "u") * values.asDiagonal() *
         orthonormal(cols, values.size(), "v").transpose();
}

// Not that its vectors are the decomposition's own: equal values leave them open.
void check_leading(const RealMatrix& w, Eigen::Index k) {
  CAPTURE(w.rows(), w.cols(), k);
  const Singular found = leading_singular_of(w, k), all = singular_of(w);
  REQUIRE(found.values.size() == k);
  REQUIRE(found.left.cols() == k);
  REQUIRE(found.right.cols() == k);
  const double largest = std::max(all.values[0], 1e-300);
  CHECK((found.values - all.values.head(k)).cwiseAbs().maxCoeff() <= 1e-10 * largest);
  CHECK(largest_column(w * found.right - found.left * found.values.asDiagonal()) <= 1e-9 * largest);
  CHECK(largest_column(w.transpose() * found.left - found.right * found.values.asDiagonal()) <=
        1e-9 * largest);
  CHECK((found.left.transpose() * found.left - RealMatrix::Identity(k, k)).norm() < 1e-9);
  CHECK((found.right.transpose() * found.right - RealMatrix::Identity(k, k)).norm() < 1e-9);
}

}  // namespace

TEST_CASE("the leading triples of tall, wide and square matrices are those of all") {
  for (const auto& [rows, cols] :
       {std::pair{300, 120}, {120, 300}, {150, 150}, {64, 900}, {20, 40}})
    for (const Eigen::Index k : {1, 7, 19}) check_leading(gaussian(rows, cols, "w"), k);
  check_leading(gaussian(90, 80, "w"), 80);
}

TEST_CASE("leading triples where values are equal, tiny or none") {
  RealVector falling(90), equal = RealVector::Constant(90, 2), steep(90);
  for (int i = 0; i < 90; ++i) {
    falling[i] = 10.0 / (1 + i);
    steep[i] =
        std::pow(10.0, -0.3 * i);  // the Gram matrix loses what lies below 10^-8 of the first
  }
  equal.head(3) << 5, 5, 4;
  check_leading(with_spectrum(200, 100, falling), 12);
  check_leading(with_spectrum(200, 100, equal), 12);
  check_leading(with_spectrum(200, 100, steep), 40);
  check_leading(with_spectrum(100, 90, falling.head(4)), 9);  // fewer directions than are asked for
  for (const double size : {1e-38, 1e38}) check_leading(size * gaussian(100, 90, "w"), 3);
  const Singular none = leading_singular_of(RealMatrix::Zero(100, 90), 3);
  CHECK(none.values == RealVector::Zero(3));
}

TEST_CASE("leading triples are the same bits on any number of threads") {
  const RealMatrix w = gaussian(400, 300, "w");
  const Singular one = leading_singular_of(w, 9), three = leading_singular_of(w, 9, 1e-10, 3);
  CHECK(same_bits(one.left, three.left));
  CHECK(same_bits(one.right, three.right));
  CHECK(same_bits(one.values, three.values));
}

TEST_CASE("no triples, or more than there are, cannot be asked for") {
  for (const Eigen::Index k : {-1, 0, 8})
    CHECK_THROWS_AS(leading_singular_of(gaussian(9, 7, "w"), k), std::invalid_argument);
}
