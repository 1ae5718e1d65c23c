// What `train` and `pretrain` print.
#pragma once

#include <string>

#include "common/log.h"
#include "engine/backend/devices.h"
#include "experiments/train_run.h"

namespace rankscope {

// A step as a line of JSON on standard output: step_json and its seconds.
void print_json_step(const TrainProgress& progress);
// A step for people: loss, speed, memory, time left. Where the held-out loss was measured, the line
// stays.
void show_step(log::Progress& line, const TrainProgress& progress);

// The end as a line of JSON, and for people, where `out` is the folder, if any. `device`: what the
// run computed on, resolved.
void print_json_outcome(const TrainOutcome& outcome, const DeviceSettings& device);
std::string outcome_text(const TrainOutcome& outcome, const std::string& out);

}  // namespace rankscope
