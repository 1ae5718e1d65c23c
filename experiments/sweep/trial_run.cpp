#include "experiments/sweep/trial_run.h"

#include <fmt/format.h>

#include "common/error.h"
#include "common/files.h"
#include "common/text.h"
#include "engine/backend/devices.h"
#include "experiments/device_names.h"
#include "experiments/file_hashes.h"
#include "experiments/folder_lock.h"
#include "experiments/machine.h"
#include "experiments/sweep/evaluation.h"
#include "experiments/sweep/gpu_fit.h"
#include "experiments/sweep/scoring.h"
#include "experiments/sweep/timings.h"
#include "experiments/train_run.h"

namespace rankscope {

namespace {

namespace fs = std::filesystem;

// A trial's name speaks of the files as they were when the sweep was started.
void refuse_changed_files(const Manifest& manifest, const Trial& trial, FileHashes& hashes) {
  const Trial now = name_trial(trial.config, manifest.base, hashes);
  if (now.train_hash == trial.train_hash && now.eval_hash == trial.eval_hash) return;
  std::string changed;
  for (const auto& [was, is] : {std::pair(&trial.train, &now.train), {&trial.eval, &now.eval}})
    for (const auto& [key, value] : *was)
      if (key != "train" && is->at(key) != value) changed += (changed.empty() ? "" : ", ") + key;
  throw TrialFailed(changed + " changed since the sweep was started; run the sweep again");
}

Settings settings_of(const SweepFolder& folder, const Manifest& manifest, const Trial& trial) {
  std::map<std::string, std::string> values = trial.config.settings;
  if (trial.config.tuning) {
    const std::optional<double> rate = tuned_rate(folder, manifest, trial);
    if (!rate) {
      const std::string failed = failed_tuning_run(folder, manifest, trial);
      throw TrialFailed(failed.empty()
                            ? "the learning rate of " + trial.id() +
                                  " is not tuned yet: run its tuning trials first (`run` does)"
                            : "the learning rate of " + trial.id() + " cannot be tuned: " + failed);
    }
    values["lr"] = fmt::format("{:.17g}", *rate);
  }
  values["init_seed"] = std::to_string(trial.config.seed_of_start());
  values["data_seed"] = std::to_string(trial.config.seed_of_data());
  return Settings(std::move(values));
}

DeviceSettings device_of(const Trial& trial, const TrialRunOptions& options) {
  return {options.device, trial.config.precision, options.threads};
}

}  // namespace

TrainRunOptions training_of(const SweepFolder& folder, const Manifest& manifest, const Trial& trial,
                            const TrialRunOptions& options, LoadedBase& base, FileHashes& hashes) {
  refuse_changed_files(manifest, trial, hashes);
  TrainRunOptions run;
  run.model = manifest.base;
  DataSource data = trial.config.task.train;
  if (trial.config.shuffle_targets) data.shuffle_targets = trial.config.seed_of_data();
  run.data = std::move(data);
  run.out = folder.train_folder(trial);
  run.method = trial.config.method;
  run.settings = settings_of(folder, manifest, trial);
  run.steps = trial.config.steps;
  run.epochs = trial.config.epochs;
  run.eval_every = trial.config.eval_every;
  if (run.eval_every > 0) run.eval_data = trial.config.task.held_out;
  run.keep_best = trial.config.keep == "best";
  run.save_every_minutes = options.save_every_minutes;
  run.device = device_of(trial, options);
  run.base = &base;
  run.hashes = &hashes;
  run.busy = FolderLock::Busy::kWait;
  run.other_machines = true;
  return run;
}

bool begin_peak_of_training(const TrainRunOptions& run) {
  return restart_peak_memory(run.base->model(run.model, run.device).backend());
}

void record_training(Timings& timings, const TrainOutcome& outcome, bool own_peak) {
  // All steps may have been made by a process that was killed before it could say so.
  if (outcome.already_done || outcome.steps == outcome.resumed_from) return;
  timings.set("train_tokens_per_second", outcome.tokens_per_second);
  timings.set("train_useful_gflops", outcome.useful_gflops);
  if (own_peak) timings.set("train_peak_memory_mib", outcome.peak_memory_mib);
  timings.save();
}

namespace {

// Whether the training diverged. `longest_example` as TrainRunOptions'.
bool train(const SweepFolder& folder, const Manifest& manifest, const Trial& trial,
           const TrialRunOptions& options, LoadedBase& base, FileHashes& hashes,
           std::int64_t& longest_example,
           const std::function<void(const TrialProgress&)>& on_progress) {
  TrainRunOptions run = training_of(folder, manifest, trial, options, base, hashes);
  run.longest_example = &longest_example;
  Timings timings(run.out);
  TrainingClock clock(timings, 1);
  const bool own_peak = begin_peak_of_training(run);
  const TrainOutcome outcome = run_training(run, [&](const TrainProgress& p) {
    clock.stepped(p.step.step);
    on_progress(
        {TrialProgress::Phase::kTraining, p.step.step, p.steps, p.step.loss, p.tokens_per_second});
  });
  record_training(timings, outcome, own_peak);
  // With done.json in place nothing goes on from it, and it is three times the adapter's size.
  std::error_code ignored;
  fs::remove(run.out / "state.safetensors", ignored);
  return outcome.diverged;
}

// Other trials may fit where this one does not: it is no fault of the machine.
template <typename Work, typename Refusal>
auto within_gpu_memory(Work&& work, Refusal&& refusal) {
  try {
    return work();
  } catch (const OutOfGpuMemory& error) {
    throw TrialFailed(refusal(error.what()));
  }
}

// On the GPU that the trial computes on.
GpuFit fit_of(const Manifest& manifest, const Trial& trial, const DeviceSettings& device,
              std::int64_t longest_example = 0) {
  const std::vector<GpuInfo> all = gpus();
  const auto index = static_cast<std::size_t>(gpu_of(resolved(device).device, all));
  return gpu_fit(trial, read_model_shape(manifest.base), plan_memory_of(all.at(index)),
                 longest_example);
}

}  // namespace

TrialState run_trial(const SweepFolder& folder, const Manifest& manifest, const Trial& trial,
                     const TrialRunOptions& options, LoadedBase& base,
                     const std::function<void(const TrialProgress&)>& on_progress) {
  make_trial_folder(folder, trial);
  // A worker whose coordinator was killed may still be saving.
  const FolderLock lock(folder.eval_folder(trial), FolderLock::Busy::kWait);
  const TrialState state = trial_state(folder, trial);
  if (is_finished(state)) return state;
  clear_stale_temporaries(folder.eval_folder(trial), Writers::kNone);
  FileHashes hashes(folder.hashes());
  refuse_changed_files(manifest, trial, hashes);
  describe_trial(folder, trial);
  const DeviceSettings device = device_of(trial, options);
  std::int64_t longest_example = 0;
  const bool diverged =
      trial.trains() &&
      within_gpu_memory(
          [&] {
            return train(folder, manifest, trial, options, base, hashes, longest_example,
                         on_progress);
          },
          [&](const std::string& error) {
            return training_refusal(error, fit_of(manifest, trial, device, longest_example));
          });
  const fs::path out = folder.eval_folder(trial);
  if (diverged) {
    write_diverged(out);
    return TrialState::kDiverged;
  }
  try {
    within_gpu_memory(
        [&] {
          evaluate_trial(
              folder, manifest, trial, base.model(manifest.base, device),
              [&](std::int64_t done, std::int64_t of, double rate) {
                on_progress({TrialProgress::Phase::kEvaluation, done, of, 0, rate});
              },
              [&] { refuse_changed_files(manifest, trial, hashes); });
        },
        [&](const std::string& error) {
          return evaluation_refusal(error, fit_of(manifest, trial, device));
        });
  } catch (const NonFiniteOutput&) {
    if (!trial.trains()) throw;  // the base itself
    // The last update did it: no loss was computed after it.
    std::error_code ignored;
    fs::remove(out / "predictions.jsonl", ignored);
    write_diverged(out);
    return TrialState::kDiverged;
  }
  return TrialState::kDone;
}

}  // namespace rankscope
