#include "tests/bench/sweep_table.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "common/files.h"
#include "experiments/sweep/sweep_folder.h"
#include "experiments/sweep/trial_run.h"
#include "tests/bench/command_table.h"
#include "tests/bench/shared_data.h"

namespace rankscope::bench {

namespace {

namespace fs = std::filesystem;

constexpr int kSeeds = 111;  // of nine settings; with the untrained base 1,000 trials
constexpr int kRounds = 3;

std::string sweep_text(const fs::path& base) {
  std::string seeds;
  for (int seed = 1; seed <= kSeeds; ++seed) seeds += (seed > 1 ? ", " : "") + std::to_string(seed);
  return "name: thousand\nbase: " + base.string() +
         "\ntasks:\n  wikisql:\n    data: " + shared_data("wikisql").string() +
         "\n    train: {split: train, limit: 500}\n"
         "    score: {split: dev, limit: 1000, max_new: 16}\n"
         "training: {batch: 2, steps: 250, lr: 1e-3}\n"
         "groups:\n  - method: lora\n    grid: {rank: [1, 2, 4], targets: [Wq, Wv, Wq+Wv]}\n"
         "    seeds: [" +
         seeds + "]\n";
}

// Runs the base and one trial, and gives every other trial a copy of the latter under its name:
// what is read of a folder is as in a sweep that was run, but for its values being all the same.
void fill(const SweepFolder& folder, const Manifest& manifest) {
  const Trial* trained = nullptr;
  for (const Trial& trial : manifest.trials) {
    if (trial.trains() && trained != nullptr) {
      fs::create_directories(folder.train_folder(trial).parent_path());
      fs::copy(folder.train_folder(*trained), folder.train_folder(trial),
               fs::copy_options::recursive);
      fs::rename(folder.train_folder(trial) / folder.eval_folder(*trained).filename(),
                 folder.eval_folder(trial));
      describe_trial(folder, trial);
      continue;
    }
    LoadedBase base;
    run_trial(folder, manifest, trial, {}, base, [](const TrialProgress&) {});
    if (trial.trains()) trained = &trial;
  }
}

double fastest(const std::string& arguments) {
  double best = 1e30;
  for (int round = 0; round < kRounds; ++round)
    best = std::min(best, use_of_program(arguments).seconds);
  return best;
}

}  // namespace

int print_sweep_table() {
  const fs::path base = shared_model("stories260k");
  if (!is_there(base) || !is_there(shared_data("wikisql/dev.jsonl"))) {
    std::printf("the shared base and data are not on this machine: the sweep is left out\n");
    return 0;
  }
  const fs::path root = fs::path(RANKSCOPE_BENCH_FOLDER) / "sweep";
  const fs::path file = root / "thousand.yaml";
  const SweepFolder folder(root / "thousand");
  // Made anew: another program's files may be another's work to read.
  fs::remove_all(root);
  fs::create_directories(folder.path());
  write_file_atomically(file, sweep_text(base));
  FileHashes hashes;
  const Sweep sweep = read_sweep(file, {});
  const Manifest manifest = manifest_of(sweep, name_trials(sweep, hashes));
  hashes.save(folder.hashes());
  write_manifest(folder, manifest);
  fill(folder, manifest);

  Table table(root / "sweep_table.json");
  const std::string dir = quoted(folder.path().string());
  table.row("1,000 trials of 1,000 predictions: collect, s",
            use_of_program("collect " + dir).seconds, 30, 10, true);
  table.row("1,000 trials: status, s", fastest("status " + dir), 0.3, 0.1, true);
  table.row("1,000 trials: query table6, s", fastest("query " + dir + " table6"), 0.3, 0.1, true);
  table.row("1,000 trials, all finished: run, s",
            fastest("run " + quoted(file.string()) + " --dir " + dir), 5, 2, true);
  return table.finish();
}

}  // namespace rankscope::bench
