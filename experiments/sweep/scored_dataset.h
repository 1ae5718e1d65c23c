// The scored examples of a trial as the database keeps them, once for all trials that share them.
#pragma once

#include <string>

#include "experiments/sweep/trial.h"
#include "results/records.h"

namespace rankscope {

// The same for trials that are scored on the same examples with the same prompts.
std::string dataset_key(const Trial& trial);

// Reads the data files. InputError where they cannot be read.
DatasetRecord scored_dataset(const Trial& trial);

}  // namespace rankscope
