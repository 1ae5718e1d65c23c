// Data files that change while a sweep runs, or after it.
#include <catch2/catch.hpp>

#include "common/error.h"
#include "common/files.h"
#include "tests/error_text.h"
#include "tests/experiments/sweep/small_sweep.h"
#include "tests/experiments/trials/trial_here.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace fs = std::filesystem;

TEST_CASE("data that changes while a trial trains is not scored under the old name") {
  const SmallSweep sweep;
  sweep.finish("changing", {"groups=[{name: one, method: lora, tasks: write}]", "seeds=[1]"});
  const fs::path out = sweep.out("changing"), data = sweep.data("write_dev.jsonl");
  const Json trial = trial_of(out, "one", "write");
  const fs::path folder = train_folder(out, trial), evaluation = eval_folder(out, trial);
  const std::string predictions = read_bytes(evaluation / "predictions.jsonl");
  const std::string done = read_bytes(evaluation / "done.json");
  const std::string examples = read_bytes(data);
  const std::vector<std::string> words = {"trial", out.string(), trial.at("id"), "--threads", "1"};
  const char* const refusal = "score.file changed since the sweep was started";
  fs::remove_all(folder);
  CHECK_THAT(error_text<TrialFailed>([&] {
               run_trial_here(out, trial, [&](std::int64_t step) {
                 if (step == 1)
                   write_file_atomically(data, examples.substr(examples.find('\n') + 1));
               });
             }),
             Catch::Contains(refusal));
  CHECK(fs::exists(folder / "done.json"));
  // And by the program, which finds it trained.
  const ProgramResult again = run_program(words);
  CHECK(again.exit_code == 1);
  CHECK_THAT(again.err, Catch::Contains(refusal));
  for (const char* name : {"done.json", "predictions.jsonl", "outcomes.jsonl"})
    CHECK_FALSE(fs::exists(evaluation / name));
  write_file_atomically(data, examples);
  CHECK(run_program(words).exit_code == 0);
  CHECK(read_bytes(evaluation / "predictions.jsonl") == predictions);
  CHECK(read_bytes(evaluation / "done.json") == done);
}

TEST_CASE("results of other data than the trial is named by are not collected, and are missing") {
  const SmallSweep& sweep = shared_sweep();
  const fs::path out = sweep.out("other_data");
  const Json scored = trial_of(sweep.out("undisturbed"), "tuned", "write"),
             trained = trial_of(sweep.out("undisturbed"), "wide", "pick");
  // Of "COLUMNS FROM VIEW WHERE TRIAL".
  const auto rows_of = [&](const std::string& columns, const Json& trial) {
    const std::string id = trial.at("id");
    return json_lines(run_program(
        {"query", out.string(), "SELECT " + columns + " = '" + id + "'", "--format", "json"}));
  };
  for (const bool again : {false, true}) {
    INFO(again);
    copy_undisturbed("other_data");
    for (const fs::path& file :
         {eval_folder(out, scored) / "done.json", train_folder(out, trained) / "done.json"}) {
      Json json = read_json_file(file);
      json["read"]["data"]["files"][0]["sha256"] = std::string(64, '0');
      json.erase("check");
      write_file_atomically(file, json.dump(1) + "\n");
    }
    std::vector<std::string> words = {"collect", out.string(), "--json"};
    if (again) words.push_back("--again");
    const ProgramResult result = run_program(words);
    INFO(result.err);
    CHECK(result.exit_code == 1);
    CHECK(Json::parse(result.out).at("problems").size() == 2);
    for (const Json& trial : {scored, trained}) {
      const std::string id = trial.at("id");
      INFO(id);
      CHECK_THAT(result.err, Catch::Contains("trial " + id + ": the data that") &&
                                 Catch::Contains("is not what the trial is named by"));
      const Json row = rows_of("state, error, attempts FROM trials WHERE trial", trial).at(0);
      CHECK(row.at("state") == "failed");
      CHECK_THAT(row.at("error").get<std::string>(), Catch::StartsWith("the data that"));
      CHECK(row.at("attempts") == 0);
      for (const char* view : {"scores", "learning_curves", "predictions_scored"})
        CHECK(rows_of(std::string("trial FROM ") + view + " WHERE trial", trial).empty());
      const std::vector<Json> means = rows_of(
          "n, missing FROM means JOIN trials USING (setting, sweep) WHERE trials.trial", trial);
      CHECK_FALSE(means.empty());
      for (const Json& mean : means) {
        CHECK(mean.at("n") == 1);
        CHECK(mean.at("missing") == 1);
      }
    }
    // The adapter of the one is of its data.
    CHECK_FALSE(rows_of("trial FROM adapter_values WHERE trial", scored).empty());
    CHECK(rows_of("trial FROM adapter_values WHERE trial", trained).empty());
  }
  fs::remove_all(eval_folder(out, scored));
  fs::remove_all(train_folder(out, trained));
  sweep.finish("other_data");
  check_results(out, sweep.out("undisturbed"));
}
