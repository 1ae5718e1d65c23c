// What a sweep file is refused for: the file, the line, the key's path, and what would be right.
#include <catch2/catch.hpp>
#include <cmath>

#include "engine/methods/method.h"
#include "tests/experiments/sweep/small_sweep.h"
#include "tests/experiments/sweep/sweep_folder.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

const std::string kRefusedHead = "base: model\ntasks: {own: {data: data}}\n";

}  // namespace

TEST_CASE("unknown keys name the nearest known one") {
  const tests::SweepFolder folder;
  const std::string lora = kRefusedHead + "method: lora\nsteps: 1\n";
  CHECK(folder.refusal(lora + "grd: {rank: [1]}\n") ==
        "s.yaml:5: 'grd': there is no such key; did you mean 'grid'?");
  CHECK(folder.refusal(lora + "grid:\n  rnak: [1]\n") ==
        "s.yaml:6: 'grid.rnak': there is no such key; did you mean 'rank'?");
  CHECK(folder.refusal(lora + "grid: {seed: [1]}\n") ==
        "s.yaml:5: 'grid.seed': seeds are listed under 'seeds', of the sweep or of a group");
  CHECK(folder.refusal(lora + "grid: {rank: [2, 4, 2]}\n") ==
        "s.yaml:5: 'grid.rank.2': the value 2 is listed twice");
  CHECK(folder.refusal("base: m\ntasks:\n  own:\n    data: data\n    score:\n      beam: 3\n") ==
        "s.yaml:6: 'tasks.own.score.beam': there is no such key; did you mean 'beams'?");
  CHECK(
      folder.refusal("base: m\ntasks: {wikisq: {data: data}}\n") ==
      "s.yaml:2: 'tasks.wikisq': task 'wikisq' is not known; there are wikisql, mnli, samsum, own; "
      "did you mean 'wikisql'?");
  CHECK(folder.refusal(kRefusedHead + "steps: 1\nmethod: lra\n") ==
        "s.yaml:4: 'method': there is no method 'lra'; did you mean 'lora'?; there are " +
            method_list());
  CHECK(
      folder.refusal(kRefusedHead + "training: {steps: 1}\ngroups:\n- {method: full, rank: 3}\n") ==
      "s.yaml:5: 'groups.0.rank': method full has no such key");
  CHECK_THAT(folder.refusal(lora + "lr:1e-3\n"), Catch::StartsWith("s.yaml:"));
  CHECK(folder.refusal(kRefusedHead + "training: {lr:1e-3}\n") ==
        "s.yaml:3: 'training.lr:1e-3': there is no such key; YAML wants a space behind ':'");
  CHECK(folder.refusal(kRefusedHead + "rank: 4\ngroups:\n- {method: lora, steps: 1}\n") ==
        "s.yaml:3: 'rank': beside 'groups' it belongs into one of them, or under 'training'");
  CHECK_THAT(folder.refusal("base: model\ntasks: {own: {data: data, score: {metric: "
                            "rouge9}}}\nmethod: lora\nsteps: 1\n"),
             Catch::Contains("'rouge9' is no metric of own; there are exact, accuracy, rouge1"));
  CHECK(folder.refusal(kRefusedHead + "groups: [{method: lora, steps: 1, tasks: [owm]}]\n") ==
        "s.yaml:3: 'groups.0.tasks.0': there is no task 'owm' in this file; did you mean 'own'?");
}

TEST_CASE("a key with a dot is none of the keys behind its dot") {
  const tests::SweepFolder folder;
  const std::string lora = kRefusedHead + "method: lora\nsteps: 1\n";
  const auto refused = [&](const std::string& text, const std::string& place) {
    INFO(text);
    CHECK_THAT(folder.refusal(text),
               Catch::StartsWith(place + ": there is no such key; keys joined by dots"));
  };
  const std::string task = "base: model\nmethod: lora\nsteps: 1\ntasks: {own: {data: data, ";
  refused(task + "score: {decoding.beams: 10}}}\n", "s.yaml:4: 'tasks.own.score.decoding.beams'");
  refused(task + "train: {train.skip: 5}}}\n", "s.yaml:4: 'tasks.own.train.train.skip'");
  refused(task + "train.skip: 5}}\n", "s.yaml:4: 'tasks.own.train.skip'");
  refused(kRefusedHead + "training: {my.epsilon: 1e-6}\nmethod: lora\nsteps: 1\n",
          "s.yaml:3: 'training.my.epsilon'");
  refused(kRefusedHead + "groups:\n- {method: lora, steps: 1, group.seeds: [5, 6]}\n",
          "s.yaml:4: 'groups.0.group.seeds'");
  refused(lora + "sweep.seeds: [1, 2, 3]\n", "s.yaml:5: 'sweep.seeds'");
  refused(lora + "report.report: true\n", "s.yaml:5: 'report.report'");
  refused(lora + "grid: {a.rank: [1]}\n", "s.yaml:5: 'grid.a.rank'");
  CHECK_THAT(
      folder.refusal("base: m\ntasks: {mnli.small: {task: mnli, data: data}}\nmethod: lora\n"),
      Catch::StartsWith("s.yaml:2: 'tasks.mnli.small': must be a name of letters"));
  // On the command line the same path reaches the key.
  CHECK(trained(folder.read(lora, {"tasks.own.train.skip=5"})).at(0).task.train.skip == 5);
}

TEST_CASE("what is missing is named") {
  const tests::SweepFolder folder;
  CHECK(folder.refusal("tasks: {own: {data: data}}\nmethod: lora\n") ==
        "s.yaml:1: 'base' is missing: the folder of the model that is adapted");
  CHECK_THAT(folder.refusal("base: m\nmethod: lora\n"),
             Catch::StartsWith("s.yaml:1: 'tasks' is missing"));
  CHECK(folder.refusal("base: m\ntasks: {own: {train: {limit: 1}}}\nmethod: lora\nsteps: 1\n") ==
        "s.yaml:2: 'tasks.own.train': 'data' is missing: the folder of the task's splits, or one "
        "file");
  CHECK(folder.refusal(kRefusedHead) ==
        "s.yaml:1: neither 'groups' nor 'method' is given: what is to be trained?");
  CHECK(folder.refusal(kRefusedHead + "groups:\n- {rank: 3}\n") ==
        "s.yaml:4: 'groups.0': 'method' is missing");
  CHECK_THAT(folder.refusal(kRefusedHead + "method: lora\n"),
             Catch::StartsWith("s.yaml:1: neither 'steps' nor 'epochs' is given"));
  CHECK(folder.refusal("base: m\ntasks: {own: {data: nowhere}}\nmethod: lora\nsteps: 1\n") ==
        "s.yaml:2: 'tasks.own': there is no nowhere; give as 'data' the folder of the splits, or "
        "one file: a path in the sweep file begins at the file's folder");
  CHECK(folder.refusal("base: m\ntasks: {own: {data: data, score: {split: tset}}}\nmethod: lora\n"
                       "steps: 1\n") ==
        "s.yaml:2: 'tasks.own.score': no split 'tset' of own in data; looked for tset.jsonl, "
        "tset.json");
  CHECK_THAT(error_text<InputError>(
                 [&] { parse_sweep(kRefusedHead + "method: lora\nsteps: 1\n", folder.file()); }),
             Catch::Contains("s.yaml:1: 'base': ") && Catch::Contains("has no config.json"));
  CHECK_THAT(error_text<InputError>([&] { read_sweep(folder / "no.yaml"); }),
             Catch::Contains("no.yaml"));
}

TEST_CASE("types are those of the page, with nothing read in two ways") {
  const tests::SweepFolder folder;
  const auto refused = [&](const std::string& line) {
    return folder.refusal(kRefusedHead + "training: {steps: 1}\ngroups:\n- method: lora\n  " +
                          line + "\n");
  };
  for (const char* number : {"0x10", "0o17", "010", "1_000", "+1", "\"8\"", "1e1", "8.0", ""}) {
    INFO(number);
    CHECK_THAT(refused(std::string("rank: ") + number),
               Catch::StartsWith("s.yaml:6: 'groups.0.rank': "));
    CHECK_THAT(refused(std::string("seeds: ") + number),
               Catch::StartsWith("s.yaml:6: 'groups.0.seeds': must be a whole number"));
  }
  for (const char* flag : {"on", "yes", "True", "1", "'true'", "~", "[true]"}) {
    INFO(flag);
    CHECK_THAT(refused(std::string("rslora: ") + flag),
               Catch::StartsWith("s.yaml:6: 'groups.0.rslora': "));
  }
  for (const char* rate : {".5", ".inf", "nan", "1e400", "-1", "fast", "'1e-3'"}) {
    INFO(rate);
    CHECK_THAT(refused(std::string("lr: ") + rate), Catch::StartsWith("s.yaml:6: 'groups.0.lr': "));
  }
  CHECK(refused("lr: 2E-4") == "nothing was thrown");
  CHECK(refused("keep: lost") ==
        "s.yaml:6: 'groups.0.keep': must be one of last, best, not lost; did you mean 'last'?");
  CHECK(refused("seeds: []") ==
        "s.yaml:6: 'groups.0.seeds': the list is empty; give at least one value or leave the key "
        "out");
  CHECK(refused("seeds: [1, 1]") == "s.yaml:6: 'groups.0.seeds.1': seed 1 is given twice");
  CHECK(refused("grid: {rank: 8}") == "s.yaml:6: 'groups.0.grid.rank': must be a list, not 8");
  CHECK(refused("grid: [1]") == "s.yaml:6: 'groups.0.grid': must be a map of keys, not a list");
  CHECK(refused("name: a\n- {method: full, name: a}") ==
        "s.yaml:7: 'groups.1.name': another group has this name");
  CHECK_THAT(refused("name: a/b"), Catch::StartsWith("s.yaml:6: 'groups.0.name': must be a name"));
  CHECK(refused("epochs: 0") == "s.yaml:6: 'groups.0.epochs': must be above 0");
}

TEST_CASE("what the engine would refuse later is refused here, at its line") {
  const tests::SweepFolder folder;
  const auto refused = [&](const std::string& lines) {
    return folder.refusal(kRefusedHead + "method: lora\nsteps: 1\n" + lines);
  };
  CHECK_THAT(refused("alpha: 1\ngrid:\n  rank:\n  - 4\n  - 0\n"),
             Catch::StartsWith("s.yaml:9: 'grid.rank.1': setting 'rank=0': rank must be a whole"));
  CHECK_THAT(
      refused("targets: Wq+Wx\n"),
      Catch::StartsWith("s.yaml:5: 'targets': setting 'targets=Wq+Wx': there is no site 'Wx'"));
  CHECK_THAT(
      refused("targets: W3\n"),
      Catch::StartsWith("s.yaml:5: 'targets': setting 'targets=W3': a gpt2 model has no W3"));
  CHECK_THAT(refused("layers: 0-2\n"), Catch::Contains("the model has 2 layers"));
  CHECK(refused("init: pissa\nrank: 8\n") == "nothing was thrown");
  CHECK_THAT(refused("init: pissa\nrank: 9\n"),
             Catch::StartsWith("s.yaml:6: 'rank': setting 'rank=9': layers.0.Wq has 8 singular"));
  CHECK_THAT(refused("init: pissa\nranks: Wv:9\n"),
             Catch::StartsWith("s.yaml:6: 'ranks': setting 'ranks=Wv:9': layers.0.Wv has 8"));
  CHECK_THAT(refused("schedule: sine\n"), Catch::StartsWith("s.yaml:5: 'schedule': "));
  CHECK_THAT(error_text<InputError>([&] {
               folder.read(kRefusedHead + "method: lora\nsteps: 1\nbase_dropout: true\n", {},
                           gpt2_shape(2, 8, 2, 0.1));
             }),
             Catch::Contains("s.yaml:5: 'base_dropout': setting 'base_dropout=true': the base's"));
  CHECK_THAT(refused("warmup_steps: 1\nwarmup_ratio: 0.1\n"),
             Catch::StartsWith("s.yaml:6: 'warmup_ratio': excludes 'warmup_steps'"));
  CHECK_THAT(refused("grid: {epochs: [1]}\n"),
             Catch::StartsWith("s.yaml:5: 'grid.epochs': excludes 'steps'"));
  CHECK_THAT(refused("grid: {steps: [1]}\n"),
             Catch::StartsWith("s.yaml:5: 'grid.steps': is given as 'steps' too"));
  CHECK_THAT(refused("zip: {rank: [1, 2], alpha: [1]}\n"),
             Catch::StartsWith("s.yaml:5: 'zip.alpha': has 1 values and 'zip.rank' has 2"));
  CHECK_THAT(
      folder.refusal("base: m\ntasks:\n  own:\n    data: data\n    template:\n"
                     "      prompt: '{target}'\nmethod: lora\nsteps: 1\n"),
      Catch::StartsWith("s.yaml:5: 'tasks.own.template': template 'prompt': {target} is the"));
}

TEST_CASE("a value under training is refused at its line though every group replaces it") {
  const tests::SweepFolder folder;
  const auto refused = [&](const std::string& line) {
    const std::string key = line.substr(0, line.find(':'));
    return folder.refusal(kRefusedHead + "training:\n  steps: 1\n  " + line +
                          "\ngroups:\n- {method: lora, " + key +
                          (key == "schedule" ? ": cosine}\n" : ": 2}\n"));
  };
  CHECK_THAT(refused("lr: abc"), Catch::StartsWith("s.yaml:5: 'training.lr': "));
  CHECK_THAT(refused("lr: -1"),
             Catch::StartsWith("s.yaml:5: 'training.lr': setting 'lr=-1': lr must be"));
  CHECK_THAT(refused("batch: 0"),
             Catch::StartsWith("s.yaml:5: 'training.batch': setting 'batch=0': batch must be"));
  CHECK_THAT(refused("schedule: sine"), Catch::StartsWith("s.yaml:5: 'training.schedule': "));
  // What is chosen by tuning is no number, and right here too.
  CHECK(refused("lr: tuned") == "nothing was thrown");
  CHECK(refused("lr: 1e-3") == "nothing was thrown");
}

TEST_CASE("one run under the labels of two seeds is refused") {
  const tests::SweepFolder folder;
  const auto refused = [&](const std::string& lines) {
    return folder.refusal(kRefusedHead + "training: {steps: 1}\n" + lines);
  };
  CHECK(refused("groups:\n- method: lora\n  seeds: [1, 2, 3]\n  init_seed: 7\n  data_seed: 7\n") ==
        "s.yaml:8: 'groups.0.data_seed': seed 2 would train the adapter of seed 1 of group 'lora' "
        "again, as 'init_seed' and 'data_seed' are the same; list one seed under 'seeds', or leave "
        "one of the two out");
  CHECK_THAT(refused("groups:\n- {method: lora, seeds: 7}\n"
                     "- {method: lora, seeds: 1, init_seed: 7, data_seed: 7}\n"),
             Catch::StartsWith("s.yaml:6: 'groups.1.data_seed': seed 1 would train the adapter of "
                               "seed 7 of group 'lora'"));
  for (const char* method : {"full", "bitfit", "ft_top2"})
    for (const char* given : {"data_seed: 7", "data_seed: 7, grid: {init_seed: [3, 4]}"})
      CHECK_THAT(refused(std::string("groups:\n- {method: ") + method + ", seeds: [1, 2], " +
                         given + "}\n"),
                 Catch::Contains("seed 2 would train the adapter of seed 1 of group '") &&
                     Catch::EndsWith(std::string("again, as 'data_seed' is the same and method '") +
                                     method +
                                     "' draws nothing by 'init_seed'; list one seed under 'seeds', "
                                     "or leave 'data_seed' out"));
  CHECK(refused("groups:\n- {method: full, seeds: [1, 2], init_seed: 7}\n") ==
        "nothing was thrown");
  // What differs in one of them is a run of its own.
  for (const char* given :
       {"init_seed: 7, seeds: [1, 2]", "data_seed: 7, seeds: [1, 2]",
        "init_seed: 7, data_seed: 7, seeds: 1", "grid: {init_seed: [1, 2], data_seed: [1, 2]}"})
    CHECK(refused(std::string("groups:\n- {method: lora, ") + given + "}\n") ==
          "nothing was thrown");
}

TEST_CASE("one trial of two settings, one of which would lack its seed, is refused") {
  const tests::SweepFolder folder;
  const auto refused = [&](const std::string& first, const std::string& second) {
    return folder.refusal(kRefusedHead + "training: {steps: 1}\nseeds: [21, 22]\ngroups:\n- {" +
                          first + "}\n- {" + second + "}\n");
  };
  const std::string plain = "name: plain, method: lora",
                    one_start = "name: one_start, method: lora, init_seed: 21",
                    one_order = "name: one_order, method: lora, data_seed: 22";
  const std::string advice = "and would count there alone; leave that seed out of one of the two";
  CHECK(refused(one_start, plain) ==
        "s.yaml:7: 'groups.1': seed 21 of group 'plain' is the trial of group 'one_start', whose "
        "'init_seed' is 21, " +
            advice);
  CHECK(refused(plain, one_start) ==
        "s.yaml:7: 'groups.1': seed 21 of group 'one_start', whose 'init_seed' is 21, is the trial "
        "of group 'plain' " +
            advice);
  CHECK(refused(plain, one_order) ==
        "s.yaml:7: 'groups.1': seed 22 of group 'one_order', whose 'data_seed' is 22, is the trial "
        "of group 'plain' " +
            advice);
  CHECK(refused(plain, one_start + ", data_seed: 21, seeds: 21") ==
        "s.yaml:7: 'groups.1': seed 21 of group 'one_start', whose 'data_seed' is 21 and "
        "'init_seed' is 21, is the trial of group 'plain' " +
            advice);
  // With that seed in one of them alone, and where both give the same.
  CHECK(refused(plain, one_start + ", seeds: 22") == "nothing was thrown");
  CHECK(refused(plain + ", seeds: 22", one_start) == "nothing was thrown");
  CHECK(refused(one_start, "name: again, method: lora, init_seed: 21") == "nothing was thrown");
}

TEST_CASE("a negative zero is zero, and makes no other trial") {
  const tests::SweepFolder folder;
  const auto penalty = [&](const std::string& zero) {
    const Sweep sweep = folder.read(
        "base: model\nmethod: lora\nsteps: 1\ntasks: {own: {data: data, "
        "score: {length_penalty: " +
        zero + "}}}\n");
    return trained(sweep).at(0).task.score.decoding.length_penalty;
  };
  for (const char* zero : {"0", "-0", "-0.0"}) {
    INFO(zero);
    CHECK(penalty(zero) == 0);
    CHECK_FALSE(std::signbit(penalty(zero)));
  }
}

TEST_CASE("a grid that explodes is refused before it is made") {
  const tests::SweepFolder folder;
  std::string grid = kRefusedHead + "method: lora\nsteps: 1\ngrid:\n";
  for (const char* key : {"rank", "alpha", "batch", "clip", "weight_decay", "micro_batch_tokens"}) {
    grid += std::string("  ") + key + ": [";
    for (int i = 1; i <= 1000; ++i) grid += std::to_string(i) + (i < 1000 ? "," : "]\n");
  }
  CHECK_THAT(folder.refusal(grid), Catch::Contains("the sweep has more than 20000 trials"));
  std::string rates = kRefusedHead + "method: lora\nsteps: 1\ntuning:\n  steps: 1\n  lr: [";
  for (int i = 1; i <= 101; ++i) rates += std::to_string(i) + (i < 101 ? "," : "]\n");
  CHECK(folder.refusal(rates) == "s.yaml:7: 'tuning.lr': more than 100 rates");
  // Every trial would hold the prompt.
  const std::string prompt =
      "base: m\nmethod: lora\nsteps: 1\ntasks:\n  own:\n    data: data\n"
      "    template: {prompt: '{prompt}" +
      std::string(1000000, 'x') + "'}\n";
  std::string seeds = "seeds: [";
  for (int i = 1; i <= 1100; ++i) seeds += std::to_string(i) + (i < 1100 ? "," : "]\n");
  CHECK_THAT(folder.refusal(prompt + seeds), Catch::Contains("1100 trials of a file of 100"));
}

TEST_CASE("execution is no metric of tables that have no rows") {
  const TemporaryFolder data;
  for (const std::string split : {"train", "dev"}) {
    std::ofstream(data / (split + ".jsonl"))
        << R"({"table_id": "1-1", "question": "q", "sql": {"sel": 0, "agg": 3, "conds": []}})"
        << "\n";
    std::ofstream(data / (split + ".tables.jsonl"))
        << R"({"id": "1-1", "header": ["Ship"], "types": ["text"]})"
        << "\n";
  }
  const SmallSweep& sweep = shared_sweep();
  const auto run = [&](const std::string& metric) {
    return sweep.run("rowless", {"tasks={wikisql: {data: '" + data.path().string() +
                                     "', score: {max_new: 8, metric: " + metric + "}}}",
                                 "groups=[{method: lora}]", "--dry-run"});
  };
  check_refused(run("execution"), "'tasks.wikisql.score.metric': 'execution' needs tables with");
  CHECK(run("logical_form").exit_code == 0);
}

TEST_CASE("what no trial could do with the base and the data is refused before any is run") {
  const SmallSweep& sweep = shared_sweep();
  const auto refused = [&](const std::string& change, const std::string& expected) {
    INFO(change);
    check_refused(sweep.run("none", {change}), expected);
    CHECK(!std::filesystem::exists(sweep.out("none")));
  };
  refused("tasks.write.end_token=100000", "'tasks.write.end_token': ");
  refused("tasks.write.end_token=1.5", "'tasks.write.end_token': ");
  refused("tasks.write.max_tokens=100000",
          "'tasks.write.max_tokens': is more than the base's context of");
  refused("tasks.write.score.max_new=100000",
          "'tasks.write.score.max_new': leaves no room for a prompt");
  refused("tasks.write.train.skip=5000", "none is left behind the first 5000");
  refused("tasks.pick.score.skip=5000", "none is left behind the first 5000");
  refused("tasks.write.tune.skip=5000", "none is left behind the first 5000");
  refused("tasks.write.score.metric=accuracy", "'accuracy' needs examples with 'choices'");
  for (const char* metric : {"exact", "rougeL"})
    refused(std::string("tasks.pick.score={data: '") + sweep.data("pick_dev.jsonl").string() +
                "', free_text: true, metric: " + metric + "}",
            std::string("'tasks.pick.score.metric': '") + metric +
                "' needs examples without 'choices', and all of ");
  // 12 examples are 3 steps of 4.
  const auto adalora = [](const std::string& more) {
    return "groups=[{method: adalora, tasks: write, batch: 4, t_init: 1, " + more + "}]";
  };
  refused(adalora("t_final: 2, epochs: 1"),
          "'groups.0.t_final': setting 't_final=2': t_init is 1 steps and t_final 2 of the "
          "training's 3: none is left");
  refused(adalora("epochs: 1, grid: {t_final: [1, 2]}"),
          "'groups.0': setting 't_final=2': t_init is 1 steps and t_final 2 of the training's 3");
  CHECK(sweep.run("none", {adalora("t_final: 2, epochs: 1.25"), "--dry-run"}).exit_code == 0);
  // Beside a method's special tokens there is less room.
  const std::string room = std::to_string(TextModel::kContext - 20);
  const std::string prefix = "groups=[{method: prefix_embed, prefix: 20, tasks: write}]";
  check_refused(sweep.run("none", {prefix, "tasks.write.score.max_new=" + room}),
                "'tasks.write.score.max_new': leaves no room for a prompt in " + room + " tokens");
  check_refused(sweep.run("none", {"tasks.write.max_tokens=2", "tasks.write.score.max_new=1"}),
                "; raise max_tokens; the model's context is ");
  CHECK(!std::filesystem::exists(sweep.out("none")));
}
