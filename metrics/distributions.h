// Distribution functions behind the tests and intervals.
#pragma once

#include <cstdint>

namespace rankscope {

// Student's t with df > 0 degrees of freedom, infinity (the normal distribution) allowed. 0 < p
// < 1.
double student_t_cdf(double t, double df);
double student_t_quantile(double p, double df);

// The degrees of freedom in [low, high] at which the p-quantile is `quantile`, for p > 0.5 and a
// quantile between those of high and low, to 1e-9 of itself. 0 < low <= high, high finite.
double student_t_df(double quantile, double p, double low, double high);

// Probability that a two-sided t test at level alpha rejects 0 where the truth is `shift` >= 0
// standard errors away: from the noncentral t distribution.
double student_t_power(double shift, double df, double alpha);

// P(X <= successes) of X ~ Binomial(trials, probability). 0 <= successes <= trials.
double binomial_cdf(std::int64_t successes, std::int64_t trials, double probability);

}  // namespace rankscope
