// Data files that change while a sweep runs, or after it.
#include <catch2/catch.hpp>

#include <signal.h>

#include <algorithm>

#include "common/files.h"
#include "tests/experiments/sweep/running_program.h"
#include "tests/experiments/sweep/small_sweep.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace fs = std::filesystem;

TEST_CASE("data that changes while a trial trains is not scored under the old name") {
  const SmallSweep sweep;
  sweep.finish("changing",
               {"groups=[{name: long, method: lora, steps: 400, tasks: write}]", "seeds=[1]"});
  const fs::path out = sweep.out("changing"), data = sweep.data("write_dev.jsonl");
  const Json trial = trial_of(out, "long", "write");
  const fs::path folder = train_folder(out, trial), evaluation = eval_folder(out, trial);
  const std::string predictions = read_bytes(evaluation / "predictions.jsonl");
  const std::string done = read_bytes(evaluation / "done.json");
  const std::string examples = read_bytes(data);
  const std::vector<std::string> words = {"trial",     out.string(), trial.at("id"),
                                          "--threads", "1",          "--json"};
  fs::remove_all(folder);
  {
    RunningProgram run(words);
    REQUIRE(run.wait_until([&] { return run.output().find("\"training\"") != std::string::npos; }));
    // While it stands still: it might be at its end before the data has changed.
    REQUIRE(stop_process(run.process()));
    REQUIRE_FALSE(fs::exists(folder / "done.json"));
    write_file_atomically(data, examples.substr(examples.find('\n') + 1));
    run.send(SIGCONT);
    const int end = run.wait();
    INFO(run.output());
    CHECK(end == 1);
    CHECK_THAT(run.output(), Catch::Contains("score.file changed since the sweep was started"));
  }
  CHECK(fs::exists(folder / "done.json"));
  for (const char* name : {"done.json", "predictions.jsonl", "outcomes.jsonl"})
    CHECK_FALSE(fs::exists(evaluation / name));
  write_file_atomically(data, examples);
  CHECK(run_program(words).exit_code == 0);
  CHECK(read_bytes(evaluation / "predictions.jsonl") == predictions);
  CHECK(read_bytes(evaluation / "done.json") == done);
}

TEST_CASE("results of other data than the trial is named by are not collected") {
  const SmallSweep& sweep = shared_sweep();
  copy_undisturbed("other_data");
  const fs::path out = sweep.out("other_data");
  const Json scored = trial_of(out, "tuned", "write"), trained = trial_of(out, "wide", "pick");
  for (const fs::path& file :
       {eval_folder(out, scored) / "done.json", train_folder(out, trained) / "done.json"}) {
    Json json = read_json_file(file);
    json["read"]["data"]["files"][0]["sha256"] = std::string(64, '0');
    write_file_atomically(file, json.dump(1) + "\n");
  }
  const ProgramResult result = run_program({"collect", out.string(), "--json"});
  INFO(result.err);
  CHECK(result.exit_code == 1);
  const Json problems = Json::parse(result.out).at("problems");
  for (const Json& trial : {scored, trained})
    CHECK(std::ranges::any_of(problems, [&](const Json& problem) {
      const std::string text = problem;
      return text.starts_with("trial " + trial.at("id").get<std::string>() + ": the data that") &&
             text.find("is not what the trial is named by") != std::string::npos;
    }));
}
