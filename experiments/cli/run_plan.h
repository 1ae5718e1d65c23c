// What a sweep's trials would take, before any is started.
#pragma once

#include "experiments/sweep/coordinator.h"

namespace rankscope {

// `run --dry-run`: the trials, what they would cost and, on a GPU, whether they fit. `options` are
// resolved. With `json` a line a trial. A result that cannot be read is remarked on: `run` mends
// it.
void print_plan(const SweepFolder& folder, const Manifest& manifest, const ModelShape& shape,
                const RunOptions& options, bool json);

// A warning where trials that are not finished will not fit the GPU.
void warn_of_memory(const SweepFolder& folder, const Manifest& manifest, const ModelShape& shape,
                    const TrialCosts& costs, const RunOptions& options);

}  // namespace rankscope
