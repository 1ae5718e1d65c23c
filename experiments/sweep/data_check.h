// Do the files of a sweep's tasks exist, and do tuning and scoring look at different examples?
#pragma once

#include "experiments/sweep/sweep_plan.h"

namespace rankscope {

// Throws InputError with the place in the sweep file where a file is missing, or where held-out
// examples are trained on or scored. Scored examples that are trained on are a note.
void check_data(const SweepPlan& plan, Sweep& sweep);

}  // namespace rankscope
