#include "engine/training/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace rankscope {

double schedule_factor(Schedule schedule, int64_t step, int64_t steps, int64_t warmup) {
  if (step < warmup) return static_cast<double>(step) / static_cast<double>(warmup);
  if (schedule == Schedule::kConstant) return 1.0;
  const double span = static_cast<double>(std::max<int64_t>(1, steps - warmup));
  const double progress = static_cast<double>(step - warmup) / span;
  if (schedule == Schedule::kLinear) return std::max(0.0, 1.0 - progress);
  return std::max(0.0, 0.5 * (1.0 + std::cos(std::numbers::pi * progress)));
}

}  // namespace rankscope
