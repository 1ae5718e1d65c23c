// Intervals for scores that are no means of per-example outcomes.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "metrics/estimate.h"

namespace rankscope {

// The percentile bootstrap over examples (Efron 1979): score_of_resample gets `examples` indices
// drawn with replacement from 0 .. examples - 1; the interval has the scores between which
// `confidence` of `resamples` such resamples fall. Other seeds do not enter it. Resample n draws
// Draws(seed, "bootstrap", "examples", n).below(e, examples) as its e-th index. Throws
// std::invalid_argument for no examples, a confidence outside (0, 1), scores that are NaN, and
// fewer resamples than leave one beyond either end.
Interval bootstrap_interval(
    std::int64_t examples,
    const std::function<double(std::span<const std::int64_t>)>& score_of_resample,
    std::uint64_t seed, int resamples = 2000, double confidence = 0.95);

}  // namespace rankscope
