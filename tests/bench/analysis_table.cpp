#include "tests/bench/analysis_table.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "common/error.h"
#include "engine/checkpoint/adapter_factors.h"
#include "experiments/analysis/adapter_analysis.h"
#include "experiments/analysis/sweep_analysis.h"
#include "results/store.h"
#include "tests/bench/analysis_inputs.h"
#include "tests/bench/bench_inputs.h"
#include "tests/bench/command_table.h"

namespace rankscope::bench {

namespace {

namespace fs = std::filesystem;

constexpr int kRounds = 7;

template <typename Work>
double seconds_of(const Work& work) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double numpy_seconds(const char* python, const std::string& work, const fs::path& folder) {
  return run_peer(python, "analysis_speed.py",
                  "--work " + work + " --folder " + quoted(folder.string()))
      .at("seconds");
}

constexpr const char* kOverOurs = ": NumPy's time over ours";

void compare(Table& table, const std::string& work, double ours, double peer, double must,
             double aim) {
  std::printf("%s: %.4f s, NumPy %.4f s\n", work.c_str(), ours, peer);
  table.row(work + kOverOurs, peer / ours, must, aim);
}

// phi without the band of chance, which the peer does not draw: adapters read, directions found and
// compared.
void phi(const fs::path& folder, Directions directions) {
  const auto vectors =
      leading_vectors_of_both(AdapterReader(folder / "one").read().front(),
                              AdapterReader(folder / "other").read().front(), directions, 0);
  shared_directions(vectors[0], vectors[1]);
}

}  // namespace

int print_analysis_table() {
  const fs::path root = fs::path(RANKSCOPE_BENCH_FOLDER) / "analysis", wide = root / "wide";
  make_wide_adapters(wide);
  const SweepFolder folder(root / "sweep");
  const Manifest manifest =
      make_adapter_sweep(folder, model_folder(fs::path(RANKSCOPE_BENCH_FOLDER), "gpt2-small"));

  const char* python = peers_python();
  Table table(root / "analysis_table.json");
  const std::string adapter = " --adapter " + quoted((wide / "one").string());
  const std::string pair = "analyze phi" + adapter + " --other " +
                           quoted((wide / "other").string()) + " --layer 0 --site Wq";
  std::vector<double> command;
  for (int round = 0; round < kRounds; ++round) command.push_back(use_of_program(pair).seconds);
  table.row("analyze phi, r 64 in 12,288 dimensions, s", median(command), 0.2, 0.15, true);
  const ProgramUse amplification = use_of_program("analyze amplification" + adapter + " --model " +
                                                  quoted((wide / "base").string()));
  table.row("analyze amplification, W 12,288 x 12,288, s", amplification.seconds, 60, 15, true);
  table.row("analyze amplification: peak memory, GiB", amplification.peak_gibibytes, 2, 1.5, true);

  // Made anew: what a run before kept of W would count as work of none.
  fs::remove_all(folder.analysis());
  fs::remove(folder.database());
  const double sweep = seconds_of([&] {
    Store store = Store::open(folder.database());
    FinishedAdapters finished(folder, manifest);
    const AnalysisSummary done =
        analyse_sweep(folder, manifest, store, AnalysisScope::kAll, finished);
    if (std::cmp_not_equal(done.adapters, manifest.trials.size()))
      throw MachineError("not every adapter was analysed: what was timed is less");
  });
  table.row("a sweep's 40 adapters at 48 matrices, s", sweep, 30, 15, true);
  if (!python) return table.finish();

  for (const Directions directions : {Directions::kA, Directions::kUpdate}) {
    const std::string name = directions == Directions::kA ? "phi_a" : "phi_dw";
    table.with_peer(name + kOverOurs, [&] {
      std::vector<double> ours, peer;
      for (int round = 0; round < kRounds; ++round) {
        ours.push_back(seconds_of([&] { phi(wide, directions); }));
        peer.push_back(numpy_seconds(python, name, wide));
      }
      compare(table, name, median(ours), median(peer), 3, 5);
    });
  }
  table.with_peer(std::string("amplification") + kOverOurs, [&] {
    compare(table, "amplification", amplification.seconds,
            numpy_seconds(python, "amplification", wide), 1, 3);
  });
  table.with_peer(std::string("sweep") + kOverOurs, [&] {
    compare(table, "sweep", sweep, numpy_seconds(python, "sweep", wide), 1, 2);
  });
  return table.finish();
}

}  // namespace rankscope::bench
