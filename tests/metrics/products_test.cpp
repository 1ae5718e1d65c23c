// Products against Eigen's, and that neither threads nor addresses change a bit.
#include "metrics/products.h"

#include <catch2/catch.hpp>

#include "common/error.h"
#include "common/instruction_set.h"
#include "metrics/amplification.h"
#include "metrics/subspace_similarity.h"
#include "tests/metrics/random_matrices.h"

using namespace rankscope;
using namespace rankscope::tests;

TEST_CASE("products of all shapes are Eigen's") {
  for (const int m : {1, 3, 8, 13, 25, 200, 270})
    for (const int n : {1, 5, 24, 33, 193})
      for (const int k : {1, 7, 8, 128, 300}) {
        CAPTURE(m, n, k);
        const RealMatrix a = gaussian(m, k, "a"), b = gaussian(k, n, "b");
        const RealMatrix expected = a * b;
        CHECK((product(a, b) - expected).norm() <= 1e-14 * k * std::max(1.0, expected.norm()));
        CHECK(same_bits(transposed_product(a.transpose(), b), product(a, b)));
      }
  CHECK(product(RealMatrix(3, 0), RealMatrix(0, 2)) == RealMatrix::Zero(3, 2));
  CHECK(product(RealMatrix(0, 4), RealMatrix::Zero(4, 2)).size() == 0);
  CHECK_THROWS_AS(product(RealMatrix(3, 2), RealMatrix(3, 2)), std::invalid_argument);
  CHECK_THROWS_AS(transposed_product(RealMatrix(3, 2), RealMatrix(2, 3)), std::invalid_argument);
}

TEST_CASE("products by the kernels of each instruction set are Eigen's") {
  for (const std::string_view name : available_instruction_sets()) {
    const dense::ProductKernels& kernels = dense::kernels_of(name);
    CHECK(kernels.instruction_set == std::string(name));
    for (const int m : {1, 12, 199})
      for (const int n : {1, 23, 260})
        for (const int k : {1, 130, 300}) {
          CAPTURE(name, m, n, k);
          const RealMatrix left = gaussian(m, k, "left"), right = gaussian(n, k, "right");
          const Eigen::MatrixXf narrow = right.cast<float>();  // its rows lie apart, as left's
          RealMatrix of_doubles(n, m), of_floats(n, m);
          multiply({left.data(), false, 1, m}, m, {right.data(), false, 1, n}, n, k,
                   of_doubles.data(), 1, kernels);
          multiply({left.data(), false, 1, m}, m, {narrow.data(), true, 1, n}, n, k,
                   of_floats.data(), 1, kernels);
          const RealMatrix expected = right * left.transpose();
          CHECK((of_doubles - expected).norm() <= 1e-14 * k * std::max(1.0, expected.norm()));
          CHECK((of_floats - narrow.cast<double>() * left.transpose()).norm() <=
                1e-14 * k * std::max(1.0, expected.norm()));
          // Rows side by side.
          const RealMatrix turned = right.transpose();
          multiply({left.data(), false, 1, m}, m, {turned.data(), false, k, 1}, n, k,
                   of_floats.data(), 1, kernels);
          CHECK(same_bits(of_floats, of_doubles));
        }
  }
  CHECK_THROWS_AS(dense::kernels_of("mmx"), InputError);
}

TEST_CASE("a product's bits depend on no address, no neighbour and no number of threads") {
  const RealMatrix a = gaussian(700, 301, "a"), b = gaussian(301, 90, "b");
  const RealMatrix whole = product(a, b);
  for (const int threads : {2, 3, 4}) CHECK(same_bits(product(a, b, threads), whole));
  for (int offset = 1; offset < 16; ++offset) {
    RealMatrix shifted(716, 301);
    shifted.middleRows(offset, 700) = a;
    CHECK(same_bits(product(shifted.middleRows(offset, 700), b), whole));
    // Some rows and columns alone.
    CHECK(same_bits(product(a.middleRows(offset, 31), b.middleCols(offset, 7)),
                    whole.block(offset, offset, 31, 7)));
  }
}

TEST_CASE("decompositions and bands are the same bits on any number of threads") {
  const RealMatrix a = gaussian(20, 3000, "a"), b = gaussian(2500, 20, "b");
  const Singular one = singular_of_update(b, a, 0.5), two = singular_of_update(b, a, 0.5, 3);
  CHECK(same_bits(one.left, two.left));
  CHECK(same_bits(one.right, two.right));
  CHECK(same_bits(orthonormal_basis(b), orthonormal_basis(b, 2)));
  CHECK(same_bits(chance_band(3, 8, 50, 1, 40).low, chance_band(3, 8, 50, 1, 40, 3).low));

  std::vector<float> values(1500 * 1200);
  Draws(1, "test matrices", "weight").fill_normal(values);
  const WeightRows alone(values, 1500, 1200), threaded(values, 1500, 1200, 3);
  CHECK(alone.frobenius() == threaded.frobenius());
  const Singular first = leading_singular(alone, 3, 1), second = leading_singular(threaded, 3, 1);
  CHECK(same_bits(first.left, second.left));
  CHECK(same_bits(first.right, second.right));
  // From another address.
  std::vector<float> moved(values.size() + 5);
  std::ranges::copy(values, moved.begin() + 5);
  const Singular third =
      leading_singular(WeightRows(std::span(moved).subspan(5), 1500, 1200), 3, 1);
  CHECK(same_bits(first.left, third.left));
}
