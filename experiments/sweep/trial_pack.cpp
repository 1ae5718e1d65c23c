#include "experiments/sweep/trial_pack.h"

#include <algorithm>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "common/error.h"
#include "common/log.h"
#include "experiments/file_hashes.h"
#include "experiments/folder_lock.h"
#include "experiments/sweep/gpu_fit.h"
#include "experiments/sweep/timings.h"

namespace rankscope {

namespace {

// One training of the pack.
struct Training {
  Training(const SweepFolder& folder, const PackedTrial& t)
      : packed(t),
        lock(folder.eval_folder(t.trial), FolderLock::Busy::kWait),
        hashes(folder.hashes()),
        timings(folder.train_folder(t.trial)) {}
  PackedTrial packed;
  FolderLock lock;
  FileHashes hashes;
  Timings timings;
  std::optional<TrainingClock> clock;  // of one that is to be trained
};

void train_together(const SweepFolder& folder, std::span<const PackedTrial> trials,
                    const TrialRunOptions& options, LoadedBase& base,
                    const std::function<void(const Trial&, const TrialProgress&)>& on_progress) {
  // Of trials that share an adapter one trains it. In the order of their ids, so that two processes
  // with the same trials never each hold a folder that the other waits for.
  std::map<std::string, const PackedTrial*> sharing;
  for (const PackedTrial& packed : trials) sharing.emplace(packed.trial.train_hash, &packed);
  std::vector<std::unique_ptr<Training>> trainings;
  std::vector<TrainRunOptions> runs;
  for (const auto& [adapter, first] : sharing) {
    const PackedTrial& packed = *first;
    if (!can_pack(packed.trial) || is_finished(trial_state(folder, packed.trial))) continue;
    make_trial_folder(folder, packed.trial);
    Training& training = *trainings.emplace_back(std::make_unique<Training>(folder, packed));
    runs.push_back(
        training_of(folder, packed.manifest, packed.trial, options, base, training.hashes));
    describe_trial(folder, packed.trial);
  }
  if (runs.size() < 2) return;
  // One that is trained, and waits for its evaluation alone, keeps what it cost.
  std::vector<Training*> untrained;
  for (const auto& training : trainings)
    if (!folder.is_trained(training->packed.trial)) untrained.push_back(training.get());
  for (Training* training : untrained) training->clock.emplace(training->timings, untrained.size());
  const bool own_peak = begin_peak_of_training(runs.front());
  const std::vector<TrainOutcome> outcomes =
      run_joint_training(runs, [&](size_t run, const TrainProgress& p) {
        if (trainings[run]->clock) trainings[run]->clock->stepped(p.step.step);
        on_progress(trainings[run]->packed.trial, {TrialProgress::Phase::kTraining, p.step.step,
                                                   p.steps, p.step.loss, p.tokens_per_second});
      });
  for (size_t i = 0; i < outcomes.size(); ++i)
    record_training(trainings[i]->timings, outcomes[i], own_peak);
}

}  // namespace

bool can_pack(const Trial& trial) {
  return trial.trains() && trial.setting("base_dropout") != "true" &&
         method_of(trial)->trains_low_rank_alone();
}

int pack_limit(const Manifest& manifest, const ModelShape& shape, const RunOptions& options) {
  const std::vector<GpuInfo> all = gpus();
  const std::int64_t available = plan_memory_of_worker(options, all);
  if (available == 0) return 1;
  // The base lies there once; what grows with a trial is what the largest of them adds.
  std::int64_t base = 0, most = 1;
  for (const Trial& trial : manifest.trials) {
    if (!can_pack(trial)) continue;
    const MemoryPlan plan = gpu_plan(trial, shape);
    base = std::max(base, plan.packed_weights + plan.mapped_tables + plan.logits);
    most = std::max(most, plan.trained + plan.activations);
  }
  return static_cast<int>(std::clamp<std::int64_t>((available - base) / most, 1, kMostPacked));
}

void run_pack(const SweepFolder& folder, std::span<const PackedTrial> trials,
              const TrialRunOptions& options,
              const std::function<void(const Trial&, const TrialProgress&)>& on_progress,
              const std::function<void(const Trial&, TrialState)>& on_end) {
  LoadedBase base;
  try {
    // A trial alone is set up where it is run.
    if (trials.size() > 1) train_together(folder, trials, options, base, on_progress);
  } catch (const Interrupted&) {
    throw;
  } catch (const Error& error) {
    // What is wrong with one of them, or with their number, is found where each is run.
    log::info("trained one after the other: {}", error.what());
    base.drop();
  }
  std::exception_ptr first;
  for (const PackedTrial& packed : trials) {
    try {
      on_end(packed.trial,
             run_trial(folder, packed.manifest, packed.trial, options, base,
                       [&](const TrialProgress& p) { on_progress(packed.trial, p); }));
    } catch (const Interrupted&) {
      throw;
    } catch (const MachineError&) {
      throw;
    } catch (const Error&) {
      base.drop();
      if (!first) first = std::current_exception();
    }
  }
  if (first) std::rethrow_exception(first);
}

}  // namespace rankscope
