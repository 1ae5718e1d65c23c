// The least data with which a difference would be told from 0.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>

#include "metrics/distributions.h"

namespace rankscope {

// Whether a |difference| of `size` >= 0, in the unit of which `variance` >= 0 is the square, is
// told from 0 with power 0.8 at two-sided 0.05 by Student's t with df > 0.
inline bool is_told(double size, double variance, double df) {
  constexpr double kPower = 0.8, kAlpha = 0.05;
  return student_t_power(size / std::sqrt(variance), df, kAlpha) >= kPower;
}

// The smallest number in [low, high] that is enough, where more is never less; none where `high` is
// not enough.
template <typename Enough>
std::optional<std::int64_t> smallest_number(std::int64_t low, std::int64_t high,
                                            const Enough& enough) {
  if (!enough(high)) return std::nullopt;
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    if (enough(middle))
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

}  // namespace rankscope
