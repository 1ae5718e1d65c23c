// Trials trained together in one process, so that small ones fill a big device (`pack_trials`).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "engine/models/config.h"
#include "experiments/sweep/coordinator.h"
#include "experiments/sweep/sweep_folder.h"
#include "experiments/sweep/trial_run.h"

namespace rankscope {

// Whether the trial's training can share the base's passes with others of its sweep: low-rank
// updates alone, the base as it is, without its dropout.
bool can_pack(const Trial& trial);

// What `pack_trials` may be at most.
inline constexpr std::int64_t kMostTrialsInAPack = 1000;

// How many of these trials `pack_trials: auto` trains together: on a GPU as many of the largest as
// its memory holds, at most kMostPacked; on the CPU one, which small trials fill as well.
inline constexpr int kMostPacked = 16;
int pack_limit(const Manifest& manifest, const ModelShape& shape, const RunOptions& options);

// A trial with the manifest that names its base.
struct PackedTrial {
  const Manifest& manifest;
  const Trial& trial;
};

// As run_trial for each, in their order, the trainings of those that can_pack having been made
// together first: each trial ends with the files that it has alone, but for its timings. Where they
// cannot be trained together, as where one's data is missing, each is trained alone. A trial that
// fails keeps none of the others from its end; the first one's error is thrown then.
void run_pack(const SweepFolder& folder, std::span<const PackedTrial> trials,
              const TrialRunOptions& options,
              const std::function<void(const Trial&, const TrialProgress&)>& on_progress,
              const std::function<void(const Trial&, TrialState)>& on_end);

}  // namespace rankscope
