// Tuning runs that fail, and the trials that wait for their rates.
#include <catch2/catch.hpp>

#include "common/files.h"
#include "tests/experiments/sweep/running_program.h"
#include "tests/experiments/sweep/small_sweep.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace fs = std::filesystem;

TEST_CASE("trials whose tuning run failed fail with it, once, and name it") {
  const SmallSweep sweep;
  const fs::path out = sweep.out("untuned"), held_out = sweep.data("tune.jsonl");
  // In other bytes than those that are trained on: a copy is refused.
  const std::string examples = read_bytes(sweep.data("write_train.jsonl")) + "\n";
  write_file_atomically(held_out, examples);
  const std::vector<std::string> words = {
      "groups=[{name: tuned, method: lora, lr: tuned, tasks: write}]",
      "tuning={lr: [1e-3, 1e-2], steps: 4}",
      "tasks.write.tune={data: " + held_out.string() + ", limit: 4}", "--workers", "1"};
  // Again from its beginning, with the tuning runs held back until the data has changed.
  sweep.finish("untuned", words);
  fs::remove_all(out / "trials");
  remove_database(out);
  std::vector<std::unique_ptr<FolderLock>> held;
  for (const Json& trial : trials_of(out))
    if (trial.at("config").at("role") == "tuning") held.push_back(hold(eval_folder(out, trial)));
  REQUIRE(held.size() == 2);
  {
    RunningProgram run(sweep.words("untuned", words));
    REQUIRE(run.wait_until([&] { return !run.workers().empty(); }));
    write_file_atomically(held_out, examples.substr(examples.find('\n') + 1));
    held.clear();
    const int end = run.wait();
    INFO(run.output());
    CHECK(end == 1);
  }
  const std::vector<Json> failed =
      json_lines(run_program({"query", out.string(),
                              "SELECT trial, role, attempts, error FROM trials WHERE state = "
                              "'failed' ORDER BY role DESC, trial",
                              "--format", "json"}));
  REQUIRE(failed.size() == 4);
  const std::string runs[] = {failed[0].at("trial"), failed[1].at("trial")};
  for (const Json& trial : failed) {
    const std::string error = trial.at("error");
    INFO(error);
    if (trial.at("role") == "tuning") {
      CHECK(trial.at("attempts") == 3);
      CHECK_THAT(error, Catch::Contains("score.file changed since the sweep was started"));
      continue;
    }
    CHECK(trial.at("attempts") == 0);
    CHECK((error.find("its tuning run " + runs[0] + " failed: ") != std::string::npos ||
           error.find("its tuning run " + runs[1] + " failed: ") != std::string::npos));
  }
  // They are tried again.
  write_file_atomically(held_out, examples);
  sweep.finish("untuned", words);
}

TEST_CASE("a trial that is run alone names the tuning run that failed") {
  const SmallSweep& sweep = shared_sweep();
  copy_undisturbed("untuned_alone");
  const fs::path out = sweep.out("untuned_alone");
  const Json trial = trial_of(out, "tuned", "write");
  const std::string run = trial.at("tuning_trials").at(1);
  for (const Json& other : trials_of(out)) {
    if (other.at("id") != run) continue;
    fs::remove(eval_folder(out, other) / "done.json");
    const Json errors = {{"errors", {"one", "two", "the disk was away"}}};
    write_file_atomically(eval_folder(out, other) / "errors.json", errors.dump());
  }
  fs::remove_all(train_folder(out, trial));
  const ProgramResult result = run_program({"trial", out.string(), trial.at("id")});
  CHECK(result.exit_code == 1);
  CHECK_THAT(result.err, Catch::Contains("cannot be tuned: its tuning run " + run +
                                         " failed: the disk was away"));
}
