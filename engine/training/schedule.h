// Learning-rate schedules, step for step those of transformers.get_scheduler ("linear", "cosine",
// "constant_with_warmup").
#pragma once

#include <cstdint>
#include <string_view>

namespace rankscope {

enum class Schedule { kLinear, kCosine, kConstant };

// What the learning rate is multiplied by at `step` (from 0) of `steps`: rises from 0 over the
// first `warmup` steps, then stays (constant), falls in a line to 0 at `steps` (linear), or along
// half a cosine (cosine).
double schedule_factor(Schedule schedule, int64_t step, int64_t steps, int64_t warmup);

}  // namespace rankscope
