// Data files that change while a sweep runs, or after it.
#include <catch2/catch.hpp>

#include <algorithm>

#include "common/files.h"
#include "experiments/sweep/trial_run.h"
#include "tests/error_text.h"
#include "tests/experiments/sweep/small_sweep.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace fs = std::filesystem;

TEST_CASE("data that changes while a trial trains is not scored under the old name") {
  const SmallSweep sweep;
  sweep.finish("changing");
  const fs::path out = sweep.out("changing");
  const Json described = trial_of(out, "wide", "pick");
  const fs::path evaluation = eval_folder(out, described);
  const std::string predictions = read_bytes(evaluation / "predictions.jsonl");
  const std::string done = read_bytes(evaluation / "done.json");
  fs::remove_all(train_folder(out, described));
  const rankscope::SweepFolder folder(out);
  const Manifest manifest = read_manifest(folder);
  const Trial& trial = find_trial(manifest, described.at("id").get<std::string>());
  const std::string data = read_bytes(sweep.data("pick_dev.jsonl"));
  TrialRunOptions options;
  options.threads = 1;
  LoadedBase base;
  // Within its training the scored data gets another first example.
  const std::string refusal = error_text<TrialFailed>([&] {
    run_trial(folder, manifest, trial, options, base, [&](const TrialProgress& progress) {
      if (progress.phase == TrialProgress::Phase::kTraining)
        write_file_atomically(sweep.data("pick_dev.jsonl"), data.substr(data.find('\n') + 1));
    });
  });
  CHECK_THAT(refusal, Catch::Contains("score.file changed since the sweep was started"));
  for (const char* name : {"done.json", "predictions.jsonl", "outcomes.jsonl"})
    CHECK_FALSE(fs::exists(evaluation / name));
  write_file_atomically(sweep.data("pick_dev.jsonl"), data);
  CHECK(run_trial(folder, manifest, trial, options, base, [](const TrialProgress&) {}) ==
        TrialState::kDone);
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
