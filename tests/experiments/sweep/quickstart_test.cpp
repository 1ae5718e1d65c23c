// The quickstart: all of its trials on the embedded base, with fewer examples than it has
// (RANKSCOPE_QUICKSTART=whole: with all of them).
#include <catch2/catch.hpp>

#include <signal.h>

#include <chrono>
#include <cstdlib>

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
  const double duration = Seconds(Clock::now() - start).count();
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
  int landed = 0, workers_killed = 0;
  for (int i = 0; i < kKills; ++i) {
    RunningProgram run(words(killed));
    run.wait_until([&] { return !run.workers().empty(); });
    // So that the last one falls before the end, whatever is lost at each.
    const double wait = draws.uniform_double(static_cast<std::uint64_t>(i)) * duration / kKills;
    const Clock::time_point from = Clock::now();
    run.wait_until([&] { return Seconds(Clock::now() - from).count() >= wait; });
    const std::vector<pid_t> workers = run.workers();
    landed += !run.ended();
    if (!run.ended()) run.send(SIGKILL);
    for (const pid_t worker : workers) workers_killed += ::kill(worker, SIGKILL) == 0;
    run.wait();
  }
  // Moments are shares of the undisturbed run, beside which the machine may have done more.
  CHECK(landed > 0);
  CHECK(workers_killed > 0);
  const ProgramResult last = run_program(words(killed));
  INFO(last.err);
  REQUIRE(last.exit_code == 0);
  check_results(killed, out);
}
