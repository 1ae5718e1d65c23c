#include "tests/experiments/trials/trial_here.h"

#include <catch2/catch.hpp>

#include "common/error.h"
#include "common/interrupt.h"
#include "experiments/sweep/trial_run.h"

namespace rankscope::tests {

void run_trial_here(const std::filesystem::path& out, const Json& trial,
                    const std::function<void(std::int64_t step)>& on_step) {
  const SweepFolder folder(out);
  const std::string id = trial.at("id");
  const Manifest manifest = read_manifest_for(folder, id);
  LoadedBase base;
  run_trial(folder, manifest, find_trial(manifest, id), {.threads = 1}, base,
            [&](const TrialProgress& progress) {
              if (progress.phase == TrialProgress::Phase::kTraining) on_step(progress.done);
            });
}

void stop_training(const std::filesystem::path& out, const Json& trial, std::int64_t step) {
  const auto stop_behind_it = [&](std::int64_t done) {
    if (done == step) request_stop();
  };
  CHECK_THROWS_AS(run_trial_here(out, trial, stop_behind_it), Interrupted);
  clear_stop_request();
}

}  // namespace rankscope::tests
