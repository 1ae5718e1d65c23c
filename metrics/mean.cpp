#include "metrics/mean.h"

#include <cmath>

namespace rankscope {

Mean mean_of(std::span<const double> scores) {
  Mean mean;
  mean.count = scores.size();
  if (scores.empty()) return mean;
  const auto n = static_cast<double>(scores.size());
  double sum = 0;
  for (const double score : scores) sum += score;
  mean.value = sum / n;
  if (scores.size() < 2) return mean;
  double squares = 0;
  for (const double score : scores) squares += (score - mean.value) * (score - mean.value);
  mean.standard_error = std::sqrt(squares / (n - 1) / n);
  return mean;
}

}  // namespace rankscope
