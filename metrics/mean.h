// The mean of a score over examples, with its uncertainty.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace rankscope {

struct Mean {
  double value = 0;  // 0 of no examples
  // Sample standard deviation / sqrt(count): how far the mean would move with other examples of the
  // same kind. Not with fewer than two.
  std::optional<double> standard_error;
  std::size_t count = 0;
};

Mean mean_of(std::span<const double> scores);

}  // namespace rankscope
