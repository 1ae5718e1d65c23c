// Estimates of what trials cost: by the data that is there.
#include "experiments/sweep/trial_cost.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "common/files.h"
#include "experiments/file_hashes.h"
#include "experiments/sweep/sweep_file.h"
#include "experiments/sweep/trial_identity.h"
#include "tests/experiments/sweep/small_sweep.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

Manifest manifest_with(const std::vector<std::string>& overrides) {
  const Sweep sweep = read_sweep(shared_sweep().file(), overrides);
  FileHashes hashes;
  return manifest_of(sweep, name_trials(sweep, hashes));
}

// Of all trials that train and are scored, together.
double cost_of(const Manifest& manifest) {
  const TrialCosts costs(manifest, read_model_shape(manifest.base));
  double all = 0;
  for (const Trial& trial : manifest.trials) all += costs.of(trial);
  return all;
}

}  // namespace

TEST_CASE("a trial's training costs in proportion to its steps, whatever its seed") {
  const Manifest manifest = manifest_with({});
  const TrialCosts costs(manifest, read_model_shape(manifest.base));
  int trained = 0;
  for (Trial trial : manifest.trials) {
    const double once = costs.of(trial);
    CHECK(once > 0);
    ++trial.config.seed;
    CHECK(costs.of(trial) == once);
    if (!trial.trains()) continue;
    ++trained;
    trial.config.steps *= 2;
    const double twice = costs.of(trial);
    CHECK(twice > once);
    trial.config.steps = 0;
    CHECK(twice - once == Approx(once - costs.of(trial)));
  }
  CHECK(trained > 0);
}

TEST_CASE("of a trial that is trained the evaluation alone is left") {
  const TemporaryFolder out;
  const Manifest manifest = manifest_with({});
  const TrialCosts costs(manifest, read_model_shape(manifest.base));
  const rankscope::SweepFolder folder(out.path());
  const auto trains = [](const Trial& trial) { return trial.trains(); };
  Trial trial = *std::ranges::find_if(manifest.trials, trains);
  CHECK(costs.left_of(trial, folder) == costs.of(trial));
  std::filesystem::create_directories(folder.train_folder(trial));
  write_file_atomically(folder.train_folder(trial) / "done.json", "{}");
  trial.config.steps = 0;  // what is left of it then
  CHECK(costs.left_of(trial, folder) == Approx(costs.of(trial)));
  CHECK(costs.left_of(trial, folder) > 0);
}

TEST_CASE("the longest training example is that of those looked into, with the special tokens") {
  const Manifest manifest = manifest_with({});
  const TrialCosts costs(manifest, read_model_shape(manifest.base));
  Manifest missing = manifest;
  for (Trial& trial : missing.trials) trial.config.task.train.data = "/nowhere";
  const TrialCosts unknown(missing, read_model_shape(manifest.base));
  for (std::size_t i = 0; i < manifest.trials.size(); ++i) {
    Trial trial = manifest.trials[i];
    CHECK(unknown.longest_example(missing.trials[i]) == 0);
    if (!trial.trains()) {
      CHECK(costs.longest_example(trial) == 0);
      continue;
    }
    const std::int64_t longest = costs.longest_example(trial);
    CHECK(longest > 0);
    trial.config.method = "prefix_embed";
    trial.config.settings = {{"prefix", "3"}};
    CHECK(costs.longest_example(trial) == longest + 3);
  }
}

TEST_CASE("costs go by the examples that the files hold, and where there are none by a guess") {
  const double all = cost_of(manifest_with({"tasks.pick.score.limit=0"}));
  CHECK(cost_of(manifest_with({"tasks.pick.score.limit=100000"})) == Approx(all));
  CHECK(cost_of(manifest_with({"tasks.pick.score.limit=2"})) < all);
  Manifest missing = manifest_with({});
  for (Trial& trial : missing.trials) trial.config.task.score.data.data = "/nowhere";
  CHECK(cost_of(missing) > 0);
}
