// What names a trial, what a diverged one counts as, and what one is trained on.
#include <catch2/catch.hpp>

#include <functional>
#include <set>
#include <variant>

#include "common/files.h"
#include "experiments/sweep/trial_run.h"
#include "tests/experiments/sweep/small_sweep.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

namespace fs = std::filesystem;

using Change = std::function<void(TrialConfig&)>;
using Changes = std::vector<std::pair<std::string, Change>>;

// Every field of a source that says which examples there are and how they are read.
void add_source(Changes& changes, const std::string& name, const fs::path& other_file,
                const std::function<DataSource&(TrialConfig&)>& source) {
  const auto add = [&](const char* field, const std::function<void(DataSource&)>& change) {
    changes.emplace_back(name + "." + field,
                         [source, change](TrialConfig& config) { change(source(config)); });
  };
  add("data", [other_file](DataSource& s) { s.data = other_file; });
  add("task", [](DataSource& s) { s.task = "samsum"; });
  add("skip", [](DataSource& s) { ++s.skip; });
  add("limit", [](DataSource& s) { ++s.limit; });
  add("template", [](DataSource& s) { s.template_keys = {"target={target} ."}; });
  add("max_tokens", [](DataSource& s) { s.max_tokens = 50; });
  add("end_token", [](DataSource& s) { s.end_token = "1"; });
}

}  // namespace

TEST_CASE("each field of a configuration that can change a result is a part of its trial's name") {
  const SmallSweep sweep;
  const fs::path other_file = sweep.data("other.jsonl");
  write_file_atomically(other_file, read_bytes(sweep.data("write_train.jsonl")));
  const Sweep read = read_sweep(sweep.file());
  const auto tuned = std::ranges::find_if(
      read.trials, [](const TrialConfig& t) { return t.tuning && t.task.name == "write"; });
  REQUIRE(tuned != read.trials.end());
  TrialConfig config = *tuned;
  config.eval_every = 2;
  config.task.held_out = config.tuning->score;
  FileHashes hashes;
  const Trial before = name_trial(config, read.base, hashes);
  const auto changed = [&](const Change& change) {
    TrialConfig other = config;
    change(other);
    return name_trial(other, read.base, hashes);
  };

  Changes training = {
      {"method", [](TrialConfig& c) { c.method = "dora"; }},
      {"settings", [](TrialConfig& c) { c.settings["alpha"] = "3"; }},
      {"seed", [](TrialConfig& c) { ++c.seed; }},
      {"init_seed", [](TrialConfig& c) { c.init_seed = 77; }},
      {"data_seed", [](TrialConfig& c) { c.data_seed = 77; }},
      {"steps", [](TrialConfig& c) { ++c.steps; }},
      {"epochs", [](TrialConfig& c) { c.epochs = 1.5; }},
      {"eval_every", [](TrialConfig& c) { ++c.eval_every; }},
      {"keep", [](TrialConfig& c) { c.keep = "best"; }},
      {"shuffle_targets", [](TrialConfig& c) { c.shuffle_targets = true; }},
      {"precision", [](TrialConfig& c) { c.precision = "bf16"; }},
      {"tuning", [](TrialConfig& c) { c.tuning.reset(); }},
      {"tuning.rates", [](TrialConfig& c) { c.tuning->rates.push_back(0.5); }},
      {"tuning.steps", [](TrialConfig& c) { ++c.tuning->steps; }},
      {"tuning.seed", [](TrialConfig& c) { ++c.tuning->seed; }},
      {"tuning.settings", [](TrialConfig& c) { c.tuning->settings["alpha"] = "3"; }},
  };
  add_source(training, "train", other_file,
             [](TrialConfig& c) -> DataSource& { return c.task.train; });
  add_source(training, "held_out", other_file,
             [](TrialConfig& c) -> DataSource& { return c.task.held_out; });
  add_source(training, "tuning.train", other_file,
             [](TrialConfig& c) -> DataSource& { return c.tuning->train; });
  add_source(training, "tuning.score", other_file,
             [](TrialConfig& c) -> DataSource& { return c.tuning->score; });
  for (const auto& [name, change] : training) {
    INFO(name);
    CHECK(changed(change).train_hash != before.train_hash);
    CHECK(changed(change).eval_hash != before.eval_hash);
  }

  Changes evaluation = {
      {"role", [](TrialConfig& c) { c.role = "tuning"; }},
      {"max_new", [](TrialConfig& c) { ++c.task.score.decoding.max_new; }},
      {"min_new", [](TrialConfig& c) { ++c.task.score.decoding.min_new; }},
      {"beams", [](TrialConfig& c) { ++c.task.score.decoding.beams; }},
      {"length_penalty", [](TrialConfig& c) { c.task.score.decoding.length_penalty = 0.5; }},
      {"no_repeat_ngram", [](TrialConfig& c) { c.task.score.decoding.no_repeat_ngram = 3; }},
      {"merged", [](TrialConfig& c) { c.task.score.merged = false; }},
      {"metric", [](TrialConfig& c) { c.task.score.metric = "rouge1"; }},
      {"free_text", [](TrialConfig& c) { c.task.score.free_text = true; }},
  };
  add_source(evaluation, "score", other_file,
             [](TrialConfig& c) -> DataSource& { return c.task.score.data; });
  for (const auto& [name, change] : evaluation) {
    INFO(name);
    CHECK(changed(change).train_hash == before.train_hash);
    CHECK(changed(change).eval_hash != before.eval_hash);
  }

  // Neither its place in the file nor that of its data is.
  const fs::path moved = sweep.path() / "moved" / "write_train.jsonl";
  fs::create_directories(moved.parent_path());
  fs::copy_file(config.task.train.data, moved);
  const Trial same = changed([&](TrialConfig& c) {
    c.group = "another";
    c.task.name = "another";
    c.task.train.data = moved;
  });
  CHECK(same.train_hash == before.train_hash);
  CHECK(same.eval_hash == before.eval_hash);
}

TEST_CASE("a base is that of trials on its data and decoding, merged or not") {
  const SmallSweep sweep;
  const auto named = [&](const std::string& change, bool trains) {
    FileHashes hashes;
    for (const Trial& trial : name_trials(read_sweep(sweep.file(), std::vector{change}), hashes))
      if (!trial.is_tuning() && trial.trains() == trains && trial.config.task.name == "write")
        return trial;
    throw std::runtime_error("no such trial");
  };
  const Trial base = named("tasks.write.score.merged=true", false);
  CHECK(is_base_of(base, named("tasks.write.score.merged=true", true)));
  CHECK(is_base_of(base, named("tasks.write.score.merged=false", true)));
  for (const char* change : {"max_new=7", "beams=2", "limit=5", "free_text=true"}) {
    INFO(change);
    CHECK_FALSE(is_base_of(base, named(std::string("tasks.write.score.") + change, true)));
  }
  CHECK_FALSE(is_base_of(named("tasks.write.score.merged=true", true), base));
}

TEST_CASE("targets are shuffled by the seed that the order of the data goes by") {
  const SmallSweep sweep;
  const Sweep read = read_sweep(
      sweep.file(), std::vector<std::string>{
                        "groups=[{name: own, method: lora, shuffle_targets: true, tasks: write}, "
                        "{name: given, method: lora, shuffle_targets: true, data_seed: 7, "
                        "init_seed: 9, seeds: [3], tasks: write}, "
                        "{name: plain, method: lora, seeds: [1], tasks: write}]"});
  FileHashes hashes;
  const Manifest manifest = manifest_of(read, name_trials(read, hashes));
  const SweepFolder folder(sweep.out("shuffled by"));
  LoadedBase base;
  std::map<std::string, std::optional<std::uint64_t>> seeds;
  for (const Trial& trial : manifest.trials) {
    if (!trial.trains()) continue;
    const TrainRunOptions run = training_of(folder, manifest, trial, {}, base, hashes);
    seeds[trial.config.group + " " + std::to_string(trial.config.seed)] =
        std::get<DataSource>(run.data).shuffle_targets;
  }
  CHECK((seeds == std::map<std::string, std::optional<std::uint64_t>>{
                      {"own 1", 1}, {"own 2", 2}, {"given 3", 7}, {"plain 1", {}}}));
}
