// What trials were trained on: of two devices the ratio of memory or speed is theirs, and not what
// was trained there.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "experiments/claims/evidence.h"
#include "results/query.h"

namespace rankscope {

// By sweep and trial. What an older program did not record of a training is of the process that
// scored its adapter, processor and threads where that was on the same kind of device.
std::map<std::pair<std::string, std::string>, TrainingDevice> training_devices(
    ResultsReader& results);

// "backend cuda against cpu", "processor X against Y and threads 4 against 8"; empty where the two
// agree in all that is known of both.
std::string unequal_devices(const TrainingDevice& left, const TrainingDevice& right);

}  // namespace rankscope
