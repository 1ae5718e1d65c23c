// A sweep's plan as trials.
#pragma once

#include "experiments/sweep/sweep_plan.h"

namespace rankscope {

// Appends to sweep.trials and sweep.notes. Each distinct configuration is made once as the engine
// would make it, so that what it refuses is refused here, with the place of the key at fault.
void expand(const SweepPlan& plan, const ModelShape& shape, Sweep& sweep);

}  // namespace rankscope
