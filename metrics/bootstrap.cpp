#include "metrics/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "common/draws.h"

namespace rankscope {

Interval bootstrap_interval(
    std::int64_t examples,
    const std::function<double(std::span<const std::int64_t>)>& score_of_resample,
    std::uint64_t seed, int resamples, double confidence) {
  if (examples < 1) throw std::invalid_argument("a bootstrap needs examples");
  if (!(confidence > 0 && confidence < 1))
    throw std::invalid_argument("a confidence lies between 0 and 1");
  // As many resamples below the interval as above it.
  const auto beyond =
      static_cast<std::ptrdiff_t>(std::floor((1 - confidence) / 2 * (resamples + 1.0) + 1e-9));
  if (beyond < 1) throw std::invalid_argument("too few resamples for this confidence");
  const Draws draws(seed, "bootstrap", "examples");
  std::vector<double> scores;
  std::vector<std::int64_t> resample(static_cast<std::size_t>(examples));
  for (int n = 0; n < resamples; ++n) {
    const Draws indices = draws.at_step(static_cast<std::uint64_t>(n));
    for (std::size_t e = 0; e < resample.size(); ++e)
      resample[e] =
          static_cast<std::int64_t>(indices.below(e, static_cast<std::uint64_t>(examples)));
    scores.push_back(score_of_resample(resample));
    if (std::isnan(scores.back())) throw std::invalid_argument("the score of a resample is NaN");
  }
  std::ranges::sort(scores);
  return {.low = scores[static_cast<std::size_t>(beyond - 1)],
          .high = scores[scores.size() - static_cast<std::size_t>(beyond)]};
}

}  // namespace rankscope
