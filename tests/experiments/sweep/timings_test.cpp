// What a training is said to have cost is what its own steps took.
#include <catch2/catch.hpp>

#include <algorithm>
#include <memory>

#include <sys/mman.h>

#include "common/files.h"
#include "engine/backend/devices.h"
#include "experiments/machine.h"
#include "experiments/sweep/timings.h"
#include "results/records.h"
#include "tests/experiments/sweep/small_sweep.h"
#include "tests/experiments/trials/trial_here.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

namespace fs = std::filesystem;

void put_timings(const fs::path& folder, const std::map<std::string, double>& values) {
  fs::create_directories(folder);
  write_file_atomically(folder / "timings.json", OrderedJson(values).dump());
}

std::map<std::string, double> timings_in(const fs::path& folder) {
  return Timings(folder).values();
}

constexpr double kLongAgo = 1e6;  // seconds; more than any test takes

const std::map<std::string, double> kFormer = {
    {"train_seconds", kLongAgo}, {"train_useful_gflops", 1}, {kTrainedTogether, 4}};

}  // namespace

TEST_CASE("a training's seconds are those of its own steps") {
  const TemporaryFolder folder;
  put_timings(folder.path(), kFormer);
  {
    Timings timings(folder.path());
    const TrainingClock clock(timings, 1);  // finished already, or not to be begun
  }
  CHECK(timings_in(folder.path()) == kFormer);
  {
    Timings timings(folder.path());
    TrainingClock clock(timings, 1);
    for (const int step : {5, 6}) clock.stepped(step);
  }
  std::map<std::string, double> values = timings_in(folder.path());
  CHECK(values.at("train_seconds") >= kLongAgo);
  CHECK(values.at(kTrainedTogether) == 4);
  {
    Timings timings(folder.path());
    TrainingClock clock(timings, 1);
    for (const int step : {1, 2}) clock.stepped(step);
  }
  values = timings_in(folder.path());
  CHECK(values.size() == 1);
  CHECK(values.at("train_seconds") < kLongAgo);
  {
    Timings timings(folder.path());
    TrainingClock clock(timings, 3);
    clock.stepped(3);
  }
  CHECK(timings_in(folder.path()).at(kTrainedTogether) == 3);
}

TEST_CASE("a training that is only evaluated again costs no more") {
  SmallSweep& sweep = shared_sweep();
  copy_undisturbed("evaluated");
  const fs::path out = sweep.out("evaluated");
  const Json trial = trial_of(out, "wide", "pick");
  const std::string before = read_bytes(train_folder(out, trial) / "timings.json");
  fs::remove_all(eval_folder(out, trial));
  const ProgramResult result =
      run_program({"trial", out.string(), trial.at("id"), "--threads", "1"});
  INFO(result.err);
  CHECK(result.exit_code == 0);
  CHECK(read_bytes(train_folder(out, trial) / "timings.json") == before);
}

TEST_CASE("a pack that falls apart is no pack, and what starts over counts anew") {
  SmallSweep& sweep = shared_sweep();
  copy_undisturbed("apart");
  const fs::path out = sweep.out("apart");
  const Json whole = trial_of(out, "wide", "pick"), broken = trial_of(out, "tuned", "write");
  for (const Json& trial : {whole, broken}) fs::remove_all(train_folder(out, trial));
  put_timings(train_folder(out, whole), kFormer);
  fs::create_directories(train_folder(out, broken));
  write_file_atomically(train_folder(out, broken) / "state.safetensors", "no resume point");
  const ProgramResult result =
      run_program({"trial", out.string(), whole.at("id"), broken.at("id"), "--threads", "1"});
  INFO(result.err);
  CHECK(result.exit_code == 2);
  REQUIRE(fs::exists(eval_folder(out, whole) / "done.json"));
  const std::map<std::string, double> values = timings_in(train_folder(out, whole));
  CHECK_FALSE(values.contains(kTrainedTogether));
  CHECK(values.at("train_seconds") < kLongAgo);
}

TEST_CASE("a training's memory is its own, whatever its process did before") {
  SmallSweep& sweep = shared_sweep();
  copy_undisturbed("memory");
  const fs::path out = sweep.out("memory");
  const Json trial = trial_of(out, "wide", "pick");
  fs::remove_all(train_folder(out, trial));
  const std::unique_ptr<Backend> backend = make_backend({});
  const bool restarts = restart_peak_memory(*backend);
  // No allocator holds on to it.
  constexpr std::size_t kTaken = std::size_t{256} << 20;
  void* const taken =
      mmap(nullptr, kTaken, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(taken != MAP_FAILED);
  std::fill_n(static_cast<char*>(taken), kTaken, '\1');
  munmap(taken, kTaken);
  const double before = peak_memory_mib();
  REQUIRE(before >= 256);
  run_trial_here(out, trial, [](std::int64_t) {});
  const std::map<std::string, double> values = timings_in(train_folder(out, trial));
  REQUIRE(values.contains("train_seconds"));
  REQUIRE(values.contains("train_peak_memory_mib") == restarts);
  if (restarts) CHECK(values.at("train_peak_memory_mib") < before - 128);
}
