// The quickstart: all of its trials on the embedded base, with fewer examples than it has
// (RANKSCOPE_QUICKSTART=whole: with all of them).
#include <catch2/catch.hpp>

#include <signal.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "common/draws.h"
#include "tests/experiments/sweep/running_program.h"
#include "tests/experiments/sweep/small_sweep.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr int kTrials = 48 + 3;  // and the base on each task
constexpr int kKills = 12;

std::vector<std::string> words(const fs::path& out) {
  std::vector<std::string> all = {"run", RANKSCOPE_SOURCE_DIR "/experiments/quickstart.yaml",
                                  "--dir", out.string()};
  const char* size = std::getenv("RANKSCOPE_QUICKSTART");
  if (size == nullptr || std::string(size) != "whole")
    for (const char* task : {"wikisql", "mnli", "samsum"}) {
      all.push_back("tasks." + std::string(task) + ".train.limit=16");
      all.push_back("tasks." + std::string(task) + ".score.limit=6");
    }
  return all;
}

}  // namespace

TEST_CASE("the quickstart: every trial, then nothing more to do, and the same after 12 kills",
          "[slow]") {
  const TemporaryFolder folder;
  const fs::path out = folder / "run", killed = folder / "killed";
  const Clock::time_point start = Clock::now();
  const ProgramResult first = run_program(words(out));
  const Seconds duration = Clock::now() - start;
  INFO(first.err);
  REQUIRE(first.exit_code == 0);
  CHECK(first.out.find("samsum   lora    Wq+Wk+Wv+Wo  8") != std::string::npos);
  CHECK(first.out.find("results.db") != std::string::npos);
  const auto rows = [&](const std::string& select) {
    return json_lines(run_program({"query", out.string(), select, "--format", "json"}));
  };
  CHECK(rows("SELECT * FROM trials WHERE state = 'done'").size() == kTrials);
  CHECK(rows("SELECT DISTINCT task, rank, targets FROM trials WHERE method = 'lora'").size() == 24);

  const auto times = adapter_times(out);
  REQUIRE(times.size() >= 48);
  const ProgramResult second = run_program(words(out));
  CHECK(second.exit_code == 0);
  CHECK(adapter_times(out) == times);

  const Draws draws(7, "quickstart test", "kills");
  // One trial is held until the last kill, so that no run comes to its end before it is killed; its
  // worker waits beside another one.
  const Json last_trial = trial_of(out, "base", "samsum");
  auto held = hold(eval_folder(killed, last_trial));
  const std::vector<Json> trials = beside(last_trial, trials_of(out));
  const int count = static_cast<int>(trials.size());
  std::vector<std::string> disturbed = words(killed);
  disturbed.insert(disturbed.end(), {"--workers", "2"});
  for (int i = 0; i < kKills; ++i) {
    INFO(i);
    RunningProgram run(disturbed);
    // So many trials have a result, and then some time.
    REQUIRE(run.wait_until([&] { return finished(killed, trials) >= count * i / kKills; }));
    std::this_thread::sleep_for(draws.uniform_double(static_cast<std::uint64_t>(i)) * duration /
                                kKills);
    std::vector<pid_t> workers;
    REQUIRE(run.wait_until([&] { return !(workers = run.workers()).empty(); }));
    REQUIRE_FALSE(run.ended());
    run.send(SIGKILL);
    for (const pid_t worker : workers) ::kill(worker, SIGKILL);
    run.wait();
  }
  held.reset();
  const ProgramResult last = run_program(words(killed));
  INFO(last.err);
  REQUIRE(last.exit_code == 0);
  check_results(killed, out);
}
