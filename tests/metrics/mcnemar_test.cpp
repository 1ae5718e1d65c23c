// McNemar's test against SciPy's binomial test (tests/reference/make_statistics_goldens.py).
#include "metrics/mcnemar.h"

#include <catch2/catch.hpp>

#include <limits>

#include "tests/metrics/statistics_goldens.h"

using namespace rankscope;
using namespace rankscope::tests;

TEST_CASE("McNemar's p-values are SciPy's") {
  for (const Json& json : statistics_goldens()["mcnemar"]) {
    const RealVector left = vector_of(json["left"]), right = vector_of(json["right"]);
    CHECK(mcnemar_p(left, right) == Approx(json["p"].get<double>()).epsilon(1e-10));
    CHECK(mcnemar_p(right, left) == Approx(json["p"].get<double>()).epsilon(1e-10));
  }
}

TEST_CASE("McNemar's test counts discordant examples alone") {
  // Six on one side of six: 2 / 2^6.
  RealVector left = RealVector::Ones(40), right = RealVector::Ones(40);
  right.head(6).setZero();
  CHECK(mcnemar_p(left, right) == Approx(1.0 / 32));
  // As many each way, and none.
  left.segment(10, 6).setZero();
  CHECK(mcnemar_p(left, right) == 1);
  CHECK(mcnemar_p(left, left) == 1);
  CHECK(mcnemar_p(RealVector(), RealVector()) == 1);
}

TEST_CASE("McNemar's test refuses other outcomes and other examples") {
  const RealVector good{{0, 1, 1}};
  CHECK_THROWS_AS(mcnemar_p(good, RealVector{{0, 1}}), std::invalid_argument);
  CHECK_THROWS_AS(mcnemar_p(good, RealVector{{0, 0.5, 1}}), std::invalid_argument);
  CHECK_THROWS_AS(mcnemar_p(RealVector{{0, std::numeric_limits<double>::quiet_NaN(), 1}}, good),
                  std::invalid_argument);
}
