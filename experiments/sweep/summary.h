// What a sweep came to, for people: a line a task, method and setting, over its seeds.
#pragma once

#include <string>
#include <vector>

#include "experiments/sweep/sweep_folder.h"

namespace rankscope {

// An aligned table: task, method, targets, rank, what else differs between settings of a method,
// lr, seeds, and the mean and standard deviation (n - 1) of the task's first metric, in percent.
// Diverged trials count as the base and are marked. `results`: of the manifest's trials, in their
// order.
std::string summary_table(const Manifest& manifest, const std::vector<TrialResult>& results);

}  // namespace rankscope
