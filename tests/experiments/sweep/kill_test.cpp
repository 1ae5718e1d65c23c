// Interrupted equals uninterrupted: a sweep whose coordinator and workers are killed at moments
// spread over its trials ends with the same rows and bytes.
#include <catch2/catch.hpp>

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "common/draws.h"
#include "tests/experiments/sweep/running_program.h"
#include "tests/experiments/sweep/small_sweep.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

// RANKSCOPE_KILLS asks for another number.
int number_of_kills() {
  const char* text = std::getenv("RANKSCOPE_KILLS");
  return text == nullptr ? 6 : std::atoi(text);
}

// Whether some of a trial's predictions are made, and not all.
bool is_evaluating(const std::filesystem::path& out, const std::vector<Json>& trials) {
  return std::ranges::any_of(trials, [&](const Json& trial) {
    const std::filesystem::path folder = eval_folder(out, trial);
    std::error_code none;  // no such file
    const std::uintmax_t size = std::filesystem::file_size(folder / "predictions.jsonl", none);
    return !none && size > 0 && !std::filesystem::exists(folder / "done.json");
  });
}

enum class Victim { kCoordinator, kWorker, kWorkers, kAll };

// How many workers were killed.
int kill_one(RunningProgram& run, Victim victim) {
  // The coordinator is stopped first, so that it starts no worker while its workers are counted.
  if (victim == Victim::kAll) run.send(SIGSTOP);
  int workers = 0;
  if (victim != Victim::kCoordinator)
    for (const pid_t worker : run.workers()) {
      workers += ::kill(worker, SIGKILL) == 0;
      if (victim == Victim::kWorker) break;
    }
  if (victim == Victim::kAll || victim == Victim::kCoordinator) run.send(SIGKILL);
  return workers;
}

}  // namespace

TEST_CASE("a sweep that is killed again and again ends as an undisturbed one") {
  const int kills = number_of_kills();
  REQUIRE(kills > 0);
  // Where there are more kills there is more to be killed.
  SmallSweep sweep(kills > 10 ? 40 : 6, 40);
  const Clock::time_point start = Clock::now();
  sweep.finish("undisturbed");
  const Seconds duration = Clock::now() - start;
  const Draws draws(5, "kill test", "moments");
  const std::filesystem::path out = sweep.out("killed");
  // One trial is held until the last kill, so that no run comes to its end before it is killed.
  const Json last = trial_of(sweep.out("undisturbed"), "base", "write");
  auto held = hold(eval_folder(out, last));
  const std::vector<Json> trials = beside(last, trials_of(sweep.out("undisturbed")));
  const int count = static_cast<int>(trials.size());
  int evaluations = 0, workers = 0;
  for (int i = 0; i < kills; ++i) {
    INFO(i);
    // Every second run trains several trials at a time.
    const std::vector<std::string> packed = {"--pack-trials", "4"};
    RunningProgram run(sweep.words("killed", i % 2 == 1 ? packed : std::vector<std::string>{}));
    // Each run goes on from where the one before was killed, and so the moments spread over the
    // sweep: so many trials have a result, and then some time. A quarter is counted from the start,
    // when there is no worker yet; a quarter falls into an evaluation.
    const std::uint64_t from_what = draws.below(3 * i, 4);
    const Seconds wait = draws.uniform_double(100000 + i) * duration / kills;
    const auto victim = static_cast<Victim>(draws.below(3 * i + 1, 4));
    if (from_what > 0)
      REQUIRE(run.wait_until(
          [&] { return !run.workers().empty() && finished(out, trials) >= count * i / kills; }));
    if (from_what == 1) {
      bool caught = false;
      REQUIRE(run.wait_until([&] {
        caught = is_evaluating(out, trials);
        return caught || finished(out, trials) == count;  // none is left to be caught
      }));
      evaluations += caught;
    } else {
      std::this_thread::sleep_for(wait);
    }
    // Without its coordinator's death a run goes on to the next moment; it is ended there.
    if (victim == Victim::kWorker || victim == Victim::kWorkers) {
      int killed = 0;  // between two trials there may be no worker
      REQUIRE(run.wait_until([&] { return (killed = kill_one(run, victim)) > 0; }));
      workers += killed;
      std::this_thread::sleep_for(wait);
      REQUIRE_FALSE(run.ended());
      workers += kill_one(run, Victim::kAll);
    } else {
      REQUIRE_FALSE(run.ended());
      workers += kill_one(run, victim);
    }
    run.wait();
  }
  held.reset();
  sweep.finish("killed");
  INFO(evaluations << " of " << kills << " kills fell into an evaluation; " << workers
                   << " workers were killed");
  check_results(out, sweep.out("undisturbed"));
}
