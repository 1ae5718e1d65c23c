// Sweep folders that a fault of the machine left damaged.
#pragma once

#include <string>
#include <vector>

#include "experiments/sweep/sweep_folder.h"

namespace rankscope {

// The same, below, for the files of the sweep itself, of which only what is no regular file is in
// the way: each is made anew. For that of its lock alone, which nobody can hold then.
std::vector<std::string> heal_sweep_files(const SweepFolder& folder);
std::vector<std::string> heal_lock(const SweepFolder& folder);

// Puts aside (under NAME.damaged) every file of the trials' that cannot be read as what it is, so
// that the trial is run again from what is whole. Trials that a process works on are passed over.
// Returns what was done, a line each. Called by the coordinator alone, before it starts workers.
std::vector<std::string> heal_trials(const SweepFolder& folder, const Manifest& manifest);

// Puts aside the trainings of these trials, whose adapters are not what was written, and the
// evaluations of them, so that the next run makes both again. Returns what was done, likewise.
std::vector<std::string> start_over(const SweepFolder& folder, const Manifest& manifest,
                                    const std::vector<std::string>& trials);

}  // namespace rankscope
