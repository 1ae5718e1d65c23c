// Do the files of a sweep's tasks exist and hold what is asked of them, does the base read them so,
// and do tuning and scoring look at different examples?
#pragma once

#include "engine/models/config.h"
#include "experiments/sweep/sweep_plan.h"

namespace rankscope {

// Throws InputError with the place in the sweep file where a file is missing or ends before the
// first example that is asked for, where lengths go beyond the base's context, where there is no
// token that ends a text, or where held-out examples are trained on or scored, be it in a copy of
// the file. Scored examples that are trained on are a note.
void check_data(const SweepPlan& plan, const ModelConfig& base, Sweep& sweep);

}  // namespace rankscope
