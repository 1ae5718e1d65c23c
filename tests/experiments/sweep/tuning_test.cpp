// Learning rates that are tuned, and the examples and seeds that no tuning may see.
#include <catch2/catch.hpp>
#include <set>
#include <sstream>

#include "experiments/sweep/trial_identity.h"
#include "tests/experiments/sweep/small_sweep.h"
#include "tests/experiments/sweep/sweep_folder.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

const std::string kTunedHead = R"(base: model
seeds: [1, 2]
tasks:
  wikisql: {data: data, train: {limit: 100}, score: {limit: 9}}
training: {steps: 50}
)";
const std::string kTuning = "tuning: {lr: [1e-3, 1e-2], steps: 20, examples: 30}\n";

// How many searches the trials of a group make.
std::size_t searches_of(const SweepFolder& folder, const std::string& group) {
  std::set<std::string> runs;
  for (const TrialConfig& trial : trained(folder.read(kTunedHead + kTuning + group)))
    runs.insert(trial_identity(tuning_trials(trial).at(0)));
  return runs.size();
}

}  // namespace

TEST_CASE("trials that differ in what a search does not have share it, a control's among them") {
  const SweepFolder folder;
  const Sweep sweep = folder.read(
      kTunedHead + "tuning: {lr: [1e-3, 1e-2], steps: 20, examples: 30, per: trial}\n" +
      "groups:\n"
      "- {method: lora, lr: tuned, rank: 2}\n"
      "- {method: lora, lr: tuned, rank: 2, shuffle_targets: true}\n"
      "- {method: lora, lr: tuned, rank: 2, eval_every: 5, keep: best, data_seed: 3}\n");
  std::set<std::string> searches;
  for (const TrialConfig& trial : trained(sweep))
    for (const TrialConfig& run : tuning_trials(trial)) {
      CHECK_FALSE(run.shuffle_targets);
      CHECK(run.keep == "last");
      searches.insert(trial_identity(run));
    }
  CHECK(searches.size() == 2);
}

TEST_CASE("a method is tuned once, by the settings of its first trial") {
  const SweepFolder folder;
  const Sweep sweep =
      folder.read(kTunedHead + kTuning +
                  "groups:\n"
                  "- {method: lora, lr: tuned, grid: {rank: [4, 1], batch: [8, 2]}}\n"
                  "- {method: full, lr: tuned}\n"
                  "- {method: lora, lr: tuned, rank: 2}\n"
                  "- {method: lora, rank: 16, lr: 5e-4}\n");
  const std::vector<TrialConfig> trials = trained(sweep);
  REQUIRE(trials.size() == 8 + 2 + 2 + 2);
  std::string ranks;
  for (std::size_t i = 0; i < 12; i += 2) {
    REQUIRE(trials[i].tuning);
    CHECK_FALSE(trials[i].settings.contains("lr"));
    const TrialConfig::Tuning& rule = *trials[i].tuning;
    CHECK(rule.rates == std::vector<double>{1e-3, 1e-2});
    CHECK(rule.steps == 20);
    CHECK(rule.seed == 1000);
    CHECK(rule.train.limit == 100);
    CHECK(rule.train.skip == 0);
    CHECK(rule.score.split == "train");
    CHECK(rule.score.skip == 100);
    CHECK(rule.score.limit == 30);
    ranks += (rule.settings.contains("rank") ? rule.settings.at("rank") : "-") + "/" +
             rule.settings.at("batch") + " ";
  }
  // batch belongs to the training: each has its own search; the rank does not.
  CHECK(ranks == "4/8 4/2 4/8 4/2 -/8 4/8 ");
  CHECK_FALSE(trials[12].tuning);
  CHECK(trials[12].settings.at("lr") == "5e-04");

  const std::vector<TrialConfig> runs = tuning_trials(trials[4]);
  REQUIRE(runs.size() == 2);
  CHECK(runs[1].role == "tuning");
  CHECK(runs[1].method == "lora");
  CHECK(runs[1].settings.at("lr") == "0.01");
  CHECK(runs[1].settings.at("rank") == "4");
  CHECK(runs[1].seed == 1000);
  CHECK(runs[1].steps == 20);
  CHECK(runs[1].epochs == 0);
  CHECK(runs[1].task.train.limit == 100);
  CHECK(runs[1].task.score.data.skip == 100);
  CHECK(runs[1].task.score.decoding.max_new == 64);
  CHECK_FALSE(runs[1].tuning);
  CHECK(tuning_trials(trials[12]).empty());
}

TEST_CASE("another scale, start or ratio of rates has a search of its own") {
  const SweepFolder folder;
  const auto count = [&](const std::string& axis) {
    return searches_of(folder, "method: lora\nlr: tuned\ngrid: {" + axis + "}\n");
  };
  CHECK(count("rslora: [false, true]") == 2);
  CHECK(count("init: [kaiming, gaussian]") == 2);
  CHECK(count("lr_ratio: [1, 16]") == 2);
  CHECK(count("rslora: [false, true], lr_ratio: [1, 16]") == 4);
  CHECK(count("rank: [1, 4], alpha: [2, 4]") == 1);
}

TEST_CASE("a key that ends as another's name is no variant with a search of its own") {
  const SweepFolder folder;
  CHECK(searches_of(folder, "method: adalora\nlr: tuned\ngrid: {t_init: [0.1, 0.2]}\n") == 1);
  CHECK(searches_of(folder, "method: lora\nlr: tuned\ngrid: {init: [kaiming, gaussian]}\n") == 2);
  CHECK(searches_of(folder,
                    "method: lora+prefix_embed\nlr: tuned\n"
                    "grid: {prefix_embed_init: [vocabulary, random]}\n") == 2);
}

TEST_CASE("each configuration can be tuned by itself") {
  const SweepFolder folder;
  const Sweep sweep =
      folder.read(kTunedHead + kTuning + "method: lora\nlr: tuned\ngrid: {rank: [4, 1]}\n",
                  {"tuning.per=trial", "tuning.seed=77"});
  CHECK(trained(sweep)[0].tuning->settings.at("rank") == "4");
  CHECK(trained(sweep)[2].tuning->settings.at("rank") == "1");
  CHECK(trained(sweep)[2].tuning->seed == 77);
}

TEST_CASE("the runs of a search are the same however their trials are scored") {
  const SweepFolder folder;
  const auto runs = [&](const std::string& score) {
    const Sweep sweep = folder.read(kTunedHead + kTuning + "method: lora\nlr: tuned\n",
                                    {"tasks.wikisql.score=" + score});
    std::vector<std::string> identities;
    for (const TrialConfig& run : tuning_trials(trained(sweep).at(0))) {
      CHECK(run.task.score.merged);
      identities.push_back(trial_identity(run));
    }
    return identities;
  };
  const std::vector<std::string> merged = runs("{limit: 9}");
  REQUIRE(merged.size() == 2);
  CHECK(runs("{limit: 9, merged: false}") == merged);
  CHECK(runs("{limit: 5, beams: 4, max_new: 7, metric: exact, free_text: true}") == merged);
}

TEST_CASE("the rate that was chosen is recorded, beside what the others came to") {
  const std::filesystem::path out = shared_sweep().out("undisturbed");
  const auto rows = [&](const std::string& select) {
    const ProgramResult result = run_program({"query", out.string(), select, "--format", "json"});
    REQUIRE(result.exit_code == 0);
    std::vector<Json> lines;
    for (const std::string& line : result.out_lines()) lines.push_back(Json::parse(line));
    return lines;
  };
  std::size_t checked = 0;
  for (const Json& trial :
       rows("SELECT l.trial, l.number AS lr, r.value AS runs FROM config l JOIN "
            "config r USING (trial) WHERE l.key = 'tuned.lr' AND r.key = "
            "'tuned.runs'")) {
    double best_rate = 0, best = 1e30;
    std::istringstream runs(trial.at("runs").get<std::string>());
    for (std::string run; runs >> run;) {
      const auto found = rows(
          "SELECT c.number AS lr, s.value AS nll FROM config c JOIN scores s "
          "USING (trial) WHERE c.key = 'settings.lr' AND s.metric = 'nll' AND "
          "c.trial = '" +
          run + "'");
      REQUIRE(found.size() == 1);
      if (found[0].at("nll").get<double>() >= best) continue;
      best = found[0].at("nll");
      best_rate = found[0].at("lr");
    }
    CHECK(trial.at("lr").get<double>() == best_rate);
    ++checked;
  }
  CHECK(checked == 10);
  // Seeds of one setting stay one, whatever was chosen.
  CHECK(rows("SELECT 1 FROM trials WHERE role = 'scored' AND grp = 'tuned' GROUP BY setting")
            .size() == 4);
}

TEST_CASE("tuning never sees what is scored") {
  const SweepFolder folder;
  const std::string lora = "method: lora\nlr: tuned\n";
  const auto refused = [&](const std::vector<std::string>& overrides) {
    return folder.refusal(kTunedHead + kTuning + lora, overrides);
  };
  CHECK(refused({}) == "nothing was thrown");
  CHECK(
      refused({"seeds=[3, 1000]"}) ==
      "s.yaml:6: 'tuning': seed 1000 is scored in group 'lora'; rates are tuned on a seed that is "
      "not");
  CHECK_THAT(refused({"data_seed=1000"}), Catch::Contains("seed 1000 is scored"));
  CHECK(refused({"tasks.wikisql.tune.split=dev"}) ==
        "override 'tasks.wikisql.tune.split=dev': 'tasks.wikisql.tune': examples that tune or "
        "choose must not be scored: both take "
        "data/dev.jsonl from example 1");
  CHECK(refused({"tasks.wikisql.tune={split: dev, skip: 8}"}).find("from example 9") !=
        std::string::npos);
  CHECK(refused({"tasks.wikisql.tune={split: dev, skip: 9}"}) == "nothing was thrown");
  CHECK(refused({"tasks.wikisql.tune.data=" + (folder / "data/dev.jsonl").string()})
            .find("must not be scored") != std::string::npos);
  const std::string copy = (folder / "data/copy.jsonl").string();
  std::filesystem::copy(folder / "data/dev.jsonl", copy);
  CHECK_THAT(refused({"tasks.wikisql.tune.data=" + copy}),
             Catch::Contains("must not be scored: both take ") &&
                 Catch::EndsWith("data/dev.jsonl is a copy, from example 1"));
  CHECK(refused({"tasks.wikisql.tune={data: " + copy + ", skip: 9}"}) == "nothing was thrown");
  CHECK_THAT(refused({"tasks.wikisql.tune.skip=99"}),
             Catch::Contains("must not be trained on") && Catch::Contains("from example 100"));
  CHECK_THAT(refused({"tasks.wikisql.train.limit=0"}),
             Catch::StartsWith("s.yaml:4: 'tasks.wikisql': 'lr: tuned' needs held-out examples"));
  CHECK_THAT(folder.refusal(kTunedHead + lora),
             Catch::StartsWith("s.yaml:7: 'lr': 'lr: tuned' needs a section 'tuning'"));
  CHECK_THAT(folder.refusal(kTunedHead + "method: lora\nkeep: best\n"),
             Catch::StartsWith("s.yaml:7: 'keep': 'best' needs 'eval_every'"));
  // The search's runs are shorter than the training.
  const std::string adalora = "method: adalora\nlr: tuned\nsteps: 1000\nt_init: 400\nt_final: ";
  CHECK(folder.refusal(kTunedHead + kTuning + adalora + "1\n", {"tuning.steps=500"}) ==
        "nothing was thrown");
  CHECK_THAT(folder.refusal(kTunedHead + kTuning + adalora + "100\n", {"tuning.steps=500"}),
             Catch::Contains("'lr'") && Catch::Contains("none is left in which the budget falls"));
  CHECK_THAT(folder.refusal(kTunedHead + kTuning + adalora + "600\n", {"tuning.steps=1000"}),
             Catch::Contains("'t_final'") && Catch::Contains("of the training's 1000"));
  // The second trial's rate is found with the settings of the first, unless it has its own search.
  const std::string shared =
      "method: adalora\nlr: tuned\nsteps: 1000\nt_final: 100\ngrid: {t_init: [100, 450]}\n";
  CHECK(folder.refusal(kTunedHead + kTuning + shared, {"tuning.steps=500"}) ==
        "nothing was thrown");
  CHECK_THAT(
      folder.refusal(kTunedHead + kTuning + shared, {"tuning.steps=500", "tuning.per=trial"}),
      Catch::Contains("'lr'") && Catch::Contains("t_init is 450 steps"));
}

TEST_CASE("a warm-up of steps that never reaches the rate is refused, a search's among them") {
  const SweepFolder folder;
  const auto refused = [&](const std::string& group, const std::string& training) {
    return folder.refusal(kTunedHead + kTuning + "method: lora\n" + group,
                          {"training=" + training});
  };
  // Of a warm-up of n steps the rate is reached in the step behind them.
  CHECK(refused("", "{steps: 50, warmup_steps: 49}") == "nothing was thrown");
  CHECK_THAT(refused("warmup_steps: 50\n", "{steps: 50}"),
             Catch::StartsWith("s.yaml:8: 'warmup_steps': a warm-up of 50 steps takes all 50 of "
                               "the training, which would never reach the learning rate; give "
                               "'warmup_ratio'"));
  CHECK_THAT(refused("", "{steps: 4, warmup_steps: 100}"),
             Catch::Contains("'training.warmup_steps': a warm-up of 100 steps takes all 4 of the"));
  // The search has 20 steps.
  const std::string tuned = "lr: tuned\n";
  CHECK(refused(tuned, "{steps: 50, warmup_steps: 19}") == "nothing was thrown");
  CHECK(refused(tuned, "{steps: 50, warmup_ratio: 0.5}") == "nothing was thrown");
  for (const char* length : {"steps: 50", "epochs: 9"}) {
    CHECK_THAT(refused(tuned, std::string("{warmup_steps: 20, ") + length + "}"),
               Catch::Contains("'training.warmup_steps': a warm-up of 20 steps takes all 20 of a "
                               "tuning run") &&
                   Catch::Contains("or more 'tuning.steps'"));
    CHECK_THAT(refused(tuned + "grid: {warmup_steps: [5, 30]}\n", "{" + std::string(length) + "}"),
               Catch::StartsWith("s.yaml:9: 'grid.warmup_steps.1': a warm-up of 30 steps takes"));
  }
}

TEST_CASE("scored examples that are trained on are pointed out, and so is a tuning of nothing") {
  const SweepFolder folder;
  const Sweep sweep =
      folder.read(kTunedHead + kTuning + "method: lora\n", {"tasks.wikisql.score.split=train"});
  REQUIRE(sweep.notes.size() == 2);
  CHECK(sweep.notes[0] == "'tuning' is given, and no group says 'lr: tuned': nothing is tuned");
  CHECK(sweep.notes[1] == "task 'wikisql': scored examples are trained on");
  const std::string copy = (folder / "data/copy.jsonl").string();
  std::filesystem::copy(folder / "data/train.jsonl", copy);
  const Sweep copied =
      folder.read(kTunedHead + "method: lora\n", {"tasks.wikisql.score.data=" + copy});
  CHECK(copied.notes == std::vector<std::string>{"task 'wikisql': scored examples are trained on"});
}
