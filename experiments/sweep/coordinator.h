// The coordinator: runs a sweep's trials in worker processes until each has a result.
#pragma once

#include <string>
#include <vector>

#include "experiments/sweep/sweep_folder.h"
#include "experiments/sweep/trial_cost.h"
#include "experiments/sweep/trial_run.h"

namespace rankscope {

struct RunOptions {
  int workers = 0;             // 0: as many as cores and memory allow, or one a GPU
  int threads = 0;             // of each worker; 0: the cores shared out
  std::string device = "cpu";  // or cuda: the machine's usable GPUs in turn; or cuda:N
  std::vector<int> gpus;       // of the machine, those that are usable, by their index
  int pack = 1;                // most trials trained together by one worker; 0: as many as fill it
  bool reversed = false;       // shortest first: for tests, since no result may depend on it
};

// What the user is shown, and what keeps the results: told of every change, on one thread.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  virtual void started(const Trial&) {}
  virtual void progressed(const Trial&, const TrialProgress&) {}
  // The trial's worker warned of something: once for each trial that it works on.
  virtual void warned(const Trial&, const std::string& /*warning*/) {}
  // The folder holds the trial's end.
  virtual void ended(const Trial&, TrialState) {}
  virtual void attempt_failed(const Trial&, const std::string& /*error*/, int /*attempt*/) {}
  // Nobody works on it any more, and it is neither at its end nor a failed attempt.
  virtual void put_back(const Trial&) {}
  // A worker was killed, and so many work at a time from now on.
  virtual void fewer_workers(int /*workers*/) {}
  // Called a few times a second while workers run.
  virtual void idle() {}
};

struct RunSummary {
  std::size_t done = 0, diverged = 0, failed = 0, already_done = 0;
  double seconds = 0;         // of the run
  double worker_seconds = 0;  // summed over workers, from start to end of each
};

// Longest trials first; a tuned trial after its tuning runs; never two that share an adapter at a
// time. Trials that can be trained together are, up to `pack` of them in a worker; one that fails
// there is run alone before it counts as an attempt. A trial that fails is tried again, kAttempts
// times in all, and where it is a tuning run the trials that need its rate fail with it; errors of
// earlier runs are forgotten. Where a worker is killed (SIGKILL, as by a system that is short of
// memory) beside others, no more than those work from then on, and it is no attempt. Throws
// Interrupted when a stop was requested and all workers have saved, MachineError when a worker met
// a fault of the machine (the others are asked to save and stop first).
RunSummary run_trials(const SweepFolder& folder, const Manifest& manifest, const TrialCosts& costs,
                      const RunOptions& options, RunObserver& observer);

// Workers and threads of each for these trials, as RunOptions has them with its zeros resolved.
RunOptions resolve(const RunOptions& options, const Manifest& manifest, const ModelShape& shape);

}  // namespace rankscope
