// The tasks: section of a sweep file.
#pragma once

#include "experiments/sweep/sweep_plan.h"

namespace rankscope {

// `tuning_examples`: how many a task's tune: takes where it does not say.
std::vector<TaskPlan> read_tasks(const YamlValue& root, const std::filesystem::path& file,
                                 std::int64_t tuning_examples);

}  // namespace rankscope
