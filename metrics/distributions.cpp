#include "metrics/distributions.h"

#include <cmath>
#include <utility>

#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/non_central_t.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/tools/toms748_solve.hpp>

namespace rankscope {

namespace bm = boost::math;

double student_t_cdf(double t, double df) {
  if (std::isinf(df)) return bm::cdf(bm::normal(), t);
  return bm::cdf(bm::students_t(df), t);
}

double student_t_quantile(double p, double df) {
  if (std::isinf(df)) return bm::quantile(bm::normal(), p);
  return bm::quantile(bm::students_t(df), p);
}

double student_t_df(double quantile, double p, double low, double high) {
  // In 1 / df the quantile is nearly linear and rises.
  const auto excess = [&](double inverse) { return student_t_quantile(p, 1 / inverse) - quantile; };
  const double at_high = excess(1 / high), at_low = excess(1 / low);
  if (at_high >= 0) return high;
  if (at_low <= 0) return low;
  std::uintmax_t steps = 100;
  const auto near = [](double a, double b) { return std::abs(a - b) <= 1e-9 * std::abs(b); };
  const std::pair<double, double> bracket =
      bm::tools::toms748_solve(excess, 1 / high, 1 / low, at_high, at_low, near, steps);
  return 2 / (bracket.first + bracket.second);
}

double student_t_power(double shift, double df, double alpha) {
  const double critical = student_t_quantile(1 - alpha / 2, df);
  if (std::isinf(df))
    return student_t_cdf(shift - critical, df) + student_t_cdf(-shift - critical, df);
  // Beyond 1 - 1e-4 even of one degree of freedom, and where the series is slow.
  if (shift > 4 * critical + 5) return 1;
  const bm::non_central_t statistic(df, shift);
  return bm::cdf(bm::complement(statistic, critical)) + bm::cdf(statistic, -critical);
}

double binomial_cdf(std::int64_t successes, std::int64_t trials, double probability) {
  return bm::cdf(bm::binomial(static_cast<double>(trials), probability),
                 static_cast<double>(successes));
}

}  // namespace rankscope
