// A trial of a sweep's folder run by the test itself, which so knows between which steps it is.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "common/json.h"

namespace rankscope::tests {

// Runs the trial, one of sweep.json's, on one thread, and calls `on_step` behind each step of its
// training, by its number. Throws as run_trial.
void run_trial_here(const std::filesystem::path& out, const Json& trial,
                    const std::function<void(std::int64_t step)>& on_step);
// Begins its training, or goes on with it, and stops it as Ctrl-C does behind that step, which is
// not the last one.
void stop_training(const std::filesystem::path& out, const Json& trial, std::int64_t step);

}  // namespace rankscope::tests
