// One trial of a sweep, run to its end: trained, its predictions made and scored. What
// `rankscope trial DIR ID` does and every launcher calls.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "experiments/loaded_base.h"
#include "experiments/sweep/sweep_folder.h"
#include "experiments/sweep/timings.h"
#include "experiments/train_run.h"

namespace rankscope {

// How far a trial has come, for a live view.
struct TrialProgress {
  enum class Phase { kTraining, kEvaluation } phase = Phase::kTraining;
  std::int64_t done = 0, of = 0;  // steps, or examples
  double loss = 0;                // training
  double tokens_per_second = 0;
};

struct TrialRunOptions {
  std::string device = "cpu";     // as DeviceSettings; the precision is the trial's own
  int threads = 0;                // 0: all processors
  double save_every_minutes = 2;  // between resume points
};

// Goes on from where the folder stands, on the base that the process's trials share. Throws what
// went wrong (common/error.h), Interrupted after saving where a stop was requested.
TrialState run_trial(const SweepFolder& folder, const Manifest& manifest, const Trial& trial,
                     const TrialRunOptions& options, LoadedBase& base,
                     const std::function<void(const TrialProgress&)>& on_progress);

// What run_trial trains a trial with, its files having been checked to be those that name it.
// `base` and `hashes` must outlive the run.
TrainRunOptions training_of(const SweepFolder& folder, const Manifest& manifest, const Trial& trial,
                            const TrialRunOptions& options, LoadedBase& base, FileHashes& hashes);
// Reads the base and counts peak memory from here on, so that a training's is its own, whether its
// process read the base for it or had it from another; false where the system does not let it.
bool begin_peak_of_training(const TrainRunOptions& run);
// Saves what the training took, in the trial's own folder; without the memory where that is not its
// own.
void record_training(Timings& timings, const TrainOutcome& outcome, bool own_peak);

}  // namespace rankscope
