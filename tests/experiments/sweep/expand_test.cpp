// Groups, grids, pairs and seeds: which trials, in which order, with exactly which settings.
#include <catch2/catch.hpp>

#include "experiments/sweep/trial_identity.h"
#include "tests/experiments/sweep/sweep_folder.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

const std::string kExpandedHead = "base: model\ntasks: {wikisql: {data: data}}\n";

std::string seeds_of(const Sweep& sweep) {
  std::string text;
  for (const TrialConfig& t : trained(sweep)) text += std::to_string(t.seed) + " ";
  return text;
}

}  // namespace

TEST_CASE("one group at the top is a sweep; every setting is in the trial") {
  const SweepFolder folder;
  const Sweep sweep = folder.read(kExpandedHead + "method: lora\nsteps: 7\nlr: 2e-4\nrank: 4\n");
  CHECK(sweep.name == "s");
  CHECK(sweep.file == folder.file());
  CHECK(sweep.base == folder / "model");
  CHECK(sweep.text == kExpandedHead + "method: lora\nsteps: 7\nlr: 2e-4\nrank: 4\n");
  CHECK(sweep.notes.empty());
  REQUIRE(sweep.trials.size() == 2);

  const TrialConfig& base = sweep.trials[0];
  CHECK(base.group == "base");
  CHECK(base.method == "none");
  CHECK(base.settings.empty());
  CHECK(base.steps == 0);
  CHECK(base.epochs == 0);
  CHECK(base.task.train.data.empty());
  CHECK(base.task.score.data.data == folder / "data");

  const TrialConfig& lora = sweep.trials[1];
  CHECK(lora.group == "lora");
  CHECK(lora.role == "scored");
  CHECK(lora.steps == 7);
  CHECK(lora.epochs == 0);
  CHECK(lora.seed == 0);
  CHECK_FALSE(lora.init_seed);
  CHECK(lora.keep == "last");
  CHECK_FALSE(lora.tuning);
  CHECK(lora.settings == std::map<std::string, std::string>{{"rank", "4"},
                                                            {"alpha", "4"},
                                                            {"rslora", "false"},
                                                            {"dropout", "0"},
                                                            {"targets", "Wq+Wv"},
                                                            {"layers", "all"},
                                                            {"lr_ratio", "1"},
                                                            {"init", "kaiming"},
                                                            {"lr", "2e-04"},
                                                            {"batch", "8"},
                                                            {"micro_batch_tokens", "1024"},
                                                            {"schedule", "linear"},
                                                            {"beta1", "0.9"},
                                                            {"beta2", "0.999"},
                                                            {"epsilon", "1e-08"},
                                                            {"weight_decay", "0.01"},
                                                            {"clip", "0"},
                                                            {"label_smoothing", "0"},
                                                            {"base_dropout", "false"}});
}

TEST_CASE("a key that joined methods share is written with its method's name") {
  const SweepFolder folder;
  const auto both = [](const Sweep& sweep) {
    return values_of(sweep, "lora_init") + "|" + values_of(sweep, "prefix_embed_init");
  };
  const std::string method = "method: lora+prefix_embed\n", steps = "steps: 7\n";
  CHECK(both(folder.read(kExpandedHead + method + steps + "prefix_embed_init: random\n")) ==
        "kaiming|random");
  CHECK(both(folder.read(kExpandedHead + "groups: [{method: lora+prefix_embed, steps: 7, "
                                         "lora_init: gaussian, grid: {prefix_embed_init: "
                                         "[random, vocabulary]}}]\n")) ==
        "gaussian gaussian|random vocabulary");
  CHECK(both(folder.read(kExpandedHead + steps + "zip: {method: [lora, lora+prefix_embed]}\n")) ==
        "- kaiming|- vocabulary");
  CHECK(values_of(folder.read(kExpandedHead + steps +
                              "method: dora+lora\ndora_targets: [Wq, Wk]\nlora_targets: Wv\n"
                              "lora_layers: [0, 1]\n"),
                  "dora_targets") == "Wq+Wk");
  const std::string joined = "groups: [{method: lora+prefix_embed, steps: 7, ";
  CHECK_THAT(folder.refusal(kExpandedHead + joined + "init: random}]\n"),
             Catch::EndsWith("method lora+prefix_embed has no such key; each of its methods has "
                             "one: give lora_init or prefix_embed_init"));
  // adalora's init_rank is no rank of a method "init".
  CHECK_THAT(folder.refusal(kExpandedHead + "method: adalora+dora\nrank: 2\n" + steps),
             Catch::EndsWith("one: give adalora_rank or dora_rank"));
  CHECK_THAT(folder.refusal(kExpandedHead + joined + "prefix_kv_init: random}]\n"),
             Catch::Contains("there is no such key"));
  CHECK_THAT(folder.refusal(kExpandedHead + "method: lora\nlora_init: gaussian\n" + steps),
             Catch::Contains("there is no such key"));
}

TEST_CASE("grid multiplies, zip advances together and multiplies with it") {
  const SweepFolder folder;
  const Sweep sweep = folder.read(kExpandedHead +
                                  "method: lora\nsteps: 1\nseeds: [5, 6]\n"
                                  "grid:\n  rank: [1, 2]\n  targets: [Wq, Wv+Wq]\n"
                                  "zip:\n  lr: [1e-3, 1e-4]\n  batch: [4, 16]\n");
  CHECK(sweep.trials.size() == 1 + 2 * 2 * 2 * 2);
  CHECK(values_of(sweep, "lr") ==
        "0.001 0.001 0.001 0.001 0.001 0.001 0.001 0.001 1e-04 1e-04 1e-04 1e-04 1e-04 1e-04 1e-04 "
        "1e-04");
  CHECK(values_of(sweep, "batch") == "4 4 4 4 4 4 4 4 16 16 16 16 16 16 16 16");
  CHECK(values_of(sweep, "rank") == "1 1 1 1 2 2 2 2 1 1 1 1 2 2 2 2");
  CHECK(values_of(sweep, "targets") ==
        "Wq Wq Wq+Wv Wq+Wv Wq Wq Wq+Wv Wq+Wv Wq Wq Wq+Wv Wq+Wv Wq Wq Wq+Wv Wq+Wv");
  CHECK(seeds_of(sweep) == "5 6 5 6 5 6 5 6 5 6 5 6 5 6 5 6 ");
}

TEST_CASE("a list outside grid is one value") {
  const SweepFolder folder;
  const Sweep sweep = folder.read(
      kExpandedHead + "method: lora\nsteps: 1\ntargets: [Wv, Wq]\nranks: [Wq:4, Wv:8]\n");
  CHECK(values_of(sweep, "targets") == "Wq+Wv");
  CHECK(values_of(sweep, "ranks") == "Wq:4,Wv:8");
  CHECK(values_of(
            folder.read(kExpandedHead + "method: lora\nsteps: 1\n"
                                        "grid: {targets: [[Wo], [Wq, Wk]], layers: [[0, 1]]}\n"),
            "targets") == "Wo Wq+Wk");
  CHECK(
      folder.refusal(kExpandedHead + "method: lora\nsteps: 1\nrank: [1, 2]\n") ==
      "s.yaml:5: 'rank': a list is one value here, and this key takes no list; to run each, write "
      "it under grid:");
}

TEST_CASE("layers that are all that the base has are a trial's that names none") {
  const SweepFolder folder;
  const auto layers = [&](const std::string& method, const std::string& line) {
    return values_of(folder.read(kExpandedHead + "method: " + method + "\nsteps: 1\n" + line, {},
                                 gpt2_shape(4, 8, 2)),
                     "layers");
  };
  CHECK(layers("lora", "") == "all");
  for (const char* all : {"all", "0-3", "[0, 1, 2, 3]", "0-1+2-3"})
    CHECK(layers("lora", std::string("layers: ") + all + "\n") == "all");
  CHECK(layers("lora+prefix_embed", "layers: 0-3\n") == "all");
  CHECK(layers("lora", "layers: [0, 1, 3]\n") == "0-1+3");
}

TEST_CASE("groups have methods, tasks and seeds of their own") {
  const SweepFolder folder;
  const Sweep sweep = folder.read(R"(
name: two-tasks
base: model
seeds: [1, 2]
tasks:
  wikisql: {data: data}
  inference: {task: mnli, data: data}
training: {steps: 10, lr: 1e-3, warmup_steps: 3}
groups:
  - method: lora
  - {method: lora, rank: 2, tasks: inference, init_seed: 9}
  - {name: everything, method: full, seeds: 7, epochs: 2, lr: 1e-5, warmup_ratio: 0.1}
)");
  CHECK(sweep.name == "two-tasks");
  const std::vector<TrialConfig> trials = trained(sweep);
  REQUIRE(trials.size() == 4 + 2 + 2);
  std::string text;
  for (const TrialConfig& t : trials) {
    text += t.group + " " + t.task.name + " " + std::to_string(t.seed) + "\n";
  }
  CHECK(text ==
        "lora wikisql 1\nlora wikisql 2\nlora inference 1\nlora inference 2\n"
        "lora-2 inference 1\nlora-2 inference 2\n"
        "everything wikisql 7\neverything inference 7\n");
  CHECK(trials[4].init_seed == 9);
  CHECK_FALSE(trials[4].data_seed);
  CHECK(trials[2].task.train.task == "mnli");
  CHECK(trials[2].task.score.data.split == "dev_matched");
  CHECK(trials[2].steps == 10);
  CHECK(trials[2].settings.at("warmup_steps") == "3");
  // A group's choice among keys that exclude one another replaces that of training.
  CHECK(trials[6].steps == 0);
  CHECK(trials[6].epochs == 2);
  CHECK_FALSE(trials[6].settings.contains("warmup_steps"));
  CHECK(trials[6].settings.at("warmup_ratio") == "0.1");
  CHECK_FALSE(trials[6].settings.contains("rank"));
  // A base for each task, first.
  CHECK(sweep.trials[0].task.name == "wikisql");
  CHECK(sweep.trials[1].task.name == "inference");
  CHECK(sweep.trials[1].method == "none");
}

TEST_CASE("the base stands once, whether the file names it or not") {
  const SweepFolder folder;
  const Sweep sweep = folder.read(kExpandedHead +
                                  "seeds: [1, 2]\ntraining: {steps: 5, lr: 1e-3}\n"
                                  "groups:\n- {method: bitfit}\n- {name: zero, method: none}\n");
  REQUIRE(sweep.trials.size() == 3);
  CHECK(sweep.trials[2].group == "zero");
  CHECK(sweep.trials[2].method == "none");
  CHECK(sweep.trials[2].seed == 0);
  CHECK(sweep.notes.empty());
  CHECK_THAT(folder.refusal(kExpandedHead + "groups: [{method: none, steps: 4}]\n"),
             Catch::StartsWith("s.yaml:3: 'groups.0.steps': method none trains nothing"));
}

TEST_CASE("of an optional group what the base cannot have is left out, and said") {
  const SweepFolder folder;
  const std::string group = "method: lora, steps: 5, grid: {layers: ['0', '5', '1']}";
  const std::string refused = folder.refusal(kExpandedHead + "groups: [{" + group + "}]\n");
  CHECK_THAT(refused, Catch::StartsWith("s.yaml:3: 'groups.0"));
  const Sweep sweep = folder.read(kExpandedHead + "groups: [{" + group + ", optional: true}]\n");
  CHECK(values_of(sweep, "layers") == "0 1");
  REQUIRE(sweep.notes.size() == 1);
  CHECK_THAT(sweep.notes[0],
             Catch::StartsWith("group 'lora' is optional, and left out of it is what this base "
                               "cannot have: ") &&
                 Catch::Contains("5"));
  // It names no trial, and hides nothing else that is wrong.
  const std::string given = "method: lora, steps: 5";
  const auto named = [&](const std::string& more) {
    const Sweep same = folder.read(kExpandedHead + "groups: [{" + given + more + "}]\n");
    REQUIRE(same.trials.size() == 2);
    return trial_identity(same.trials[1]);
  };
  CHECK(named(", optional: true") == named(""));
  CHECK_THAT(folder.refusal(kExpandedHead + "groups: [{" + given + ", rank: 0, optional: true}]\n"),
             Catch::StartsWith("s.yaml:3: 'groups.0.rank'"));
}

TEST_CASE("a configuration that occurs twice runs once") {
  const SweepFolder folder;
  const Sweep sweep = folder.read(kExpandedHead +
                                  "training: {steps: 5}\nseeds: [1, 2]\ngroups:\n"
                                  "- {name: a, method: lora, grid: {rank: [1, 8]}}\n"
                                  "- {name: b, method: lora, grid: {targets: [Wq+Wv, Wk]}}\n"
                                  "- {name: c, method: lora, rank: 8, alpha: 8, lr: 0.0002}\n");
  CHECK(trained(sweep).size() == 4 + 2);
  const Sweep zeros = folder.read(
      kExpandedHead + "groups: [{method: lora, steps: 5, grid: {weight_decay: [0, -0, 0.5]}}]\n");
  CHECK(trained(zeros).size() == 2);
  REQUIRE(sweep.notes.size() == 2);
  CHECK(sweep.notes[0] ==
        "group 'b': 2 of its trials are also in group 'a'; each runs once, there");
  CHECK(sweep.notes[1] ==
        "group 'c': 2 of its trials are also in group 'a'; each runs once, there");
}

TEST_CASE("methods can stand in a grid") {
  const SweepFolder folder;
  const Sweep sweep = folder.read(
      kExpandedHead + "steps: 2\ngrid: {method: [lora, full, none], lr: [1e-3, 1e-4]}\n",
      {"grid.lr=[0.1]", "grid.method=[full, bitfit]"});
  CHECK(trained(sweep).size() == 2);
  CHECK(trained(sweep)[1].method == "bitfit");
}

TEST_CASE("what a task says reaches its trials") {
  const SweepFolder folder;
  const Sweep sweep = folder.read(R"(
base: model
tasks:
  short:
    task: samsum
    data: data
    max_tokens: 60
    end_token: "</s>"
    template: {prompt: "{dialogue}\nSummary:", truncate: ["dialogue:end:lines"]}
    train: {data: data/train.jsonl, skip: 5, limit: 20}
    score: {split: extra, limit: 3, beams: 4, length_penalty: 0.9, no_repeat_ngram: 4,
            min_new: 2, merged: false, free_text: true}
method: lora
epochs: 1.5
eval_every: 10
keep: best
)");
  const TrialConfig trial = trained(sweep).at(0);
  CHECK(trial.epochs == 1.5);
  CHECK(trial.eval_every == 10);
  CHECK(trial.keep == "best");
  const DataSource& train = trial.task.train;
  CHECK(train.task == "samsum");
  CHECK(train.data == folder / "data/train.jsonl");
  CHECK(train.skip == 5);
  CHECK(train.limit == 20);
  CHECK(train.max_tokens == 60);
  CHECK(train.end_token == "</s>");
  CHECK(train.template_keys ==
        std::vector<std::string>{"prompt={dialogue}\nSummary:", "truncate=dialogue:end:lines"});
  const ScoreSettings& score = trial.task.score;
  CHECK(score.data.data == folder / "data");
  CHECK(score.data.split == "extra");
  CHECK(score.data.limit == 3);
  CHECK(score.data.template_keys == train.template_keys);
  CHECK(score.decoding.max_new == 100);
  CHECK(score.decoding.min_new == 2);
  CHECK(score.decoding.beams == 4);
  CHECK(score.decoding.length_penalty == 0.9);
  CHECK(score.decoding.no_repeat_ngram == 4);
  CHECK_FALSE(score.merged);
  CHECK(score.free_text);
  // Behind the last example that is trained on.
  CHECK(trial.task.held_out.data == train.data);
  CHECK(trial.task.held_out.skip == 25);
  CHECK(trial.task.held_out.limit == 200);
}
