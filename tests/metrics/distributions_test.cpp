// Distribution functions against SciPy's (tests/reference/make_statistics_goldens.py).
#include "metrics/distributions.h"

#include <catch2/catch.hpp>

#include <limits>

#include "tests/metrics/statistics_goldens.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

// No df stands for the normal distribution.
double df_of(const Json& json) {
  return json.is_null() ? std::numeric_limits<double>::infinity() : json.get<double>();
}

}  // namespace

TEST_CASE("Student's t, its power and the binomial are SciPy's") {
  const Json want = statistics_goldens()["distributions"];
  for (const Json& row : want["cdf"]) {
    CAPTURE(row);
    CHECK(student_t_cdf(row[0], df_of(row[1])) == Approx(row[2].get<double>()).epsilon(1e-10));
  }
  for (const Json& row : want["quantile"]) {
    CAPTURE(row);
    CHECK(student_t_quantile(row[0], df_of(row[1])) ==
          Approx(row[2].get<double>()).epsilon(1e-9).margin(1e-12));
  }
  for (const Json& row : want["power"]) {
    CAPTURE(row);
    CHECK(student_t_power(row[0], row[1], row[2]) == Approx(row[3].get<double>()).epsilon(1e-7));
  }
  for (const Json& row : want["binomial"]) {
    CAPTURE(row);
    CHECK(binomial_cdf(row[0], row[1], row[2]) == Approx(row[3].get<double>()).epsilon(1e-10));
  }
}

TEST_CASE("power: of the normal, at no shift, and far beyond the critical value") {
  const double infinite = std::numeric_limits<double>::infinity();
  CHECK(student_t_power(0, 5, 0.05) == Approx(0.05));
  CHECK(student_t_power(0, infinite, 0.05) == Approx(0.05));
  CHECK(student_t_power(2.801585, infinite, 0.05) == Approx(0.8).epsilon(1e-4));
  CHECK(student_t_power(1e6, 1.2, 0.05) == 1);
}

TEST_CASE("degrees of freedom are found from their quantile") {
  for (const double df : {1.0, 1.01, 2.447, 17.0, 480.0, 499.0}) {
    CAPTURE(df);
    const double quantile = student_t_quantile(0.975, df);
    CHECK(student_t_df(quantile, 0.975, 1, 499) == Approx(df).epsilon(1e-6));
  }
  // Rounding may carry a quantile past the ends.
  CHECK(student_t_df(12.9, 0.975, 1, 499) == 1);
  CHECK(student_t_df(1.9, 0.975, 1, 499) == 499);
  CHECK(student_t_df(student_t_quantile(0.975, 4), 0.975, 4, 4) == 4);
}
