// `train`, `nll` and `generate` on tasks' own files: text in, tokens and accounts out.
#include <catch2/catch.hpp>

#include <cmath>
#include <sstream>

#include "common/hash.h"
#include "tests/datasets/test_files.h"
#include "tests/experiments/program.h"
#include "tests/experiments/text_model.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

struct TaskFile {
  std::string task, split, file;
  size_t examples;
};

// The readers' small files, one of each task.
std::vector<TaskFile> task_files() {
  return {{"wikisql", "dev", "dev.jsonl", 4},
          {"mnli", "train", "train.tsv", 3},
          {"samsum", "train", "train.json", 2},
          {"own", "train", "train.jsonl", 3}};
}

std::string folder_of(const TaskFile& file) { return data_file(file.task).string(); }

// `command --task ... --data ...` on a model and a file of task_files().
ProgramResult run_task(const std::string& command, const std::string& model, const TaskFile& file,
                       const std::vector<std::string>& more = {}) {
  return run_with({command, "--json", "--threads", "1", "--model", model, "--task", file.task,
                   "--data", folder_of(file), "--split", file.split},
                  more);
}

// The ids of texts, each behind `before`, whose own ids are left out.
std::vector<Json> tokens_of(const std::string& model, const std::vector<Json>& texts,
                            const std::string& before = "") {
  TemporaryFolder folder;
  std::vector<Json> lines{before};
  for (const Json& text : texts) lines.push_back(before + text.get<std::string>());
  write_file_atomically(folder / "t.jsonl", to_lines(lines));
  std::vector<Json> ids = json_lines(
      run_program({"tokenize", "--jsonl", "--model", model, (folder / "t.jsonl").string()}));
  const auto left_out = static_cast<std::ptrdiff_t>(before.empty() ? 0 : ids[0].size());
  ids.erase(ids.begin());
  for (Json& line : ids) line.erase(line.begin(), line.begin() + left_out);
  return ids;
}

}  // namespace

TEST_CASE("nll --task scores the tokens of render's prompt and target, and the end token") {
  const TextModel model;
  for (const TaskFile& file : task_files()) {
    INFO(file.task);
    const std::vector<Json> rendered = json_lines(run_program(
        {"render", file.task, "--json", "--references", folder_of(file) + "/" + file.file}));
    REQUIRE(rendered.size() == file.examples);
    std::vector<Json> prompts, targets, lines;
    for (const Json& line : rendered) {
      prompts.push_back(line.at("prompt"));
      targets.push_back(line.at("target"));
    }
    prompts = tokens_of(model.path(), prompts);
    // No token reaches across a line's end.
    targets = tokens_of(model.path(), targets, "\n");
    for (size_t i = 0; i < rendered.size(); ++i) {
      targets[i].push_back(TextModel::kEnd);
      lines.push_back({{"prompt_ids", prompts[i]}, {"target_ids", targets[i]}});
    }
    TemporaryFolder folder;
    write_file_atomically(folder / "ids.jsonl", to_lines(lines));
    const std::vector<Json> expected =
        json_lines(run_program({"nll", "--json", "--threads", "1", "--model", model.path(),
                                "--data", (folder / "ids.jsonl").string()}));
    const std::vector<Json> got = json_lines(run_task("nll", model.path(), file));
    REQUIRE(got.size() == expected.size());
    for (size_t i = 0; i < got.size(); ++i) {
      CHECK(got[i].at("id") == rendered[i].at("id"));
      CHECK(got[i].at("tokens") == targets[i].size());
      CHECK(got[i].at("nll") == expected[i].at("nll"));
    }
    // A file in the place of the folder, and only the first lines of it.
    const std::vector<Json> first = json_lines(
        run_with({"nll", "--json", "--threads", "1", "--model", model.path(), "--task", file.task},
                 {"--data", folder_of(file) + "/" + file.file, "--limit", "1"}));
    CHECK(first == std::vector<Json>{got[0]});
    // Another token ends the targets.
    const std::vector<Json> other =
        json_lines(run_task("nll", model.path(), file, {"--end-token", "5"}));
    CHECK(other[0].at("tokens") == got[0].at("tokens"));
    CHECK(other[0].at("nll") != got[0].at("nll"));
  }
}

TEST_CASE("train --task trains on what nll --task scores") {
  const TextModel model;
  for (const TaskFile& file : task_files()) {
    INFO(file.task);
    TemporaryFolder folder;
    const std::string out = (folder / "out").string(), same = (folder / "same").string();
    std::filesystem::copy(folder_of(file), same, std::filesystem::copy_options::recursive);
    // The same examples in other bytes: a copy is refused.
    write_file_atomically(std::filesystem::path(same) / file.file,
                          read_bytes(folder_of(file) + "/" + file.file) + "\n");
    const std::vector<Json> lines =
        json_lines(run_task("train", model.path(), file,
                            {"--limit", "2", "--eval-data", same, "--eval-split", file.split,
                             "--eval-limit", "2", "--eval-every", "3", "--set", "lr=1e-2", "--set",
                             "batch=2", "--steps", "3", "--out", out}));
    REQUIRE(lines.size() == 4);
    const auto mean = [&](const std::vector<std::string>& more) {
      double sum = 0, tokens = 0;
      for (const Json& line : json_lines(run_task("nll", model.path(), file, more))) {
        sum += line.at("nll").get<double>();
        tokens += line.at("tokens").get<double>();
      }
      return sum / tokens;
    };
    CHECK(lines[0].at("loss").get<double>() == Approx(mean({"--limit", "2"})).epsilon(1e-6));
    CHECK(lines[2].at("eval_loss").get<double>() ==
          Approx(mean({"--limit", "2", "--adapter", out + "/adapter"})).epsilon(1e-6));
    CHECK(lines[2].at("loss") < lines[0].at("loss"));
  }
}

TEST_CASE("generate --task takes the split that sweeps score where none is named") {
  const TextModel model;
  for (const auto& [task, split] : std::vector<std::pair<std::string, std::string>>{
           {"wikisql", "dev"}, {"mnli", "dev_matched"}, {"samsum", "val"}}) {
    INFO(task);
    const std::vector<std::string> command{
        "generate",   "--json", "--threads", "1",      "--model",
        model.path(), "--task", task,        "--data", data_file(task).string(),
        "--max-new",  "2"};
    const ProgramResult named = run_with(command, {"--split", split});
    CHECK_FALSE(json_lines(named).empty());
    const ProgramResult unnamed = run_program(command);
    INFO(unnamed.err);
    CHECK(unnamed.exit_code == 0);
    CHECK(unnamed.out == named.out);
  }
  std::istringstream words(run_program({"generate", "--help"}).out);
  std::string help;
  for (std::string word; words >> word;) help += word + " ";
  CHECK_THAT(help, Catch::Contains("default: the one that sweeps score (wikisql: dev, mnli: "
                                   "dev_matched, samsum: dev, own: dev)"));
}

TEST_CASE("train holds out nothing that it trains on") {
  const TextModel model;
  const TaskFile own{"own", "train", "train.jsonl", 3};
  const auto refuse = [&](std::vector<std::string> words, const std::string& expected) {
    words.insert(words.end(), {"--eval-every", "1", "--steps", "1"});
    check_refused(run_task("train", model.path(), own, words), expected);
  };
  refuse({"--eval-data", folder_of(own)}, "is a folder; say with --eval-split");
  refuse({"--eval-split", "train"}, "--eval-split: held-out examples must not be trained on");
  refuse({"--eval-split", "train", "--limit", "2", "--eval-limit", "1"}, "must not be trained on");
  refuse({"--eval-data", folder_of(own), "--eval-split", "train"}, "must not be trained on");
  refuse({"--eval-data", folder_of(own) + "/train.jsonl", "--eval-split", "train"},
         "is no folder of splits");
  refuse({"--eval-data", folder_of(own) + "/../own/train.jsonl"}, "must not be trained on");
  const TemporaryFolder folder;
  const std::string copy = folder / "copy.jsonl";
  std::filesystem::copy(folder_of(own) + "/train.jsonl", copy);
  refuse({"--eval-data", copy}, "must not be trained on");
}

TEST_CASE("what a task's file holds, was skipped, cut and left out is reported") {
  const TextModel model;
  const auto nll_report = [&](const TaskFile& file, const std::vector<std::string>& more) {
    const ProgramResult result = run_task("nll", model.path(), file, more);
    INFO(result.err);
    CHECK(result.exit_code == 0);
    return result.err;
  };
  const TaskFile chats{"samsum", "train", "train.json", 2};
  CHECK_THAT(nll_report(chats, {}), Catch::Contains("2 examples of train.json; skipped 1: empty"));
  const TaskFile pairs{"mnli", "dev_matched", "multinli_1.0_dev_matched.jsonl", 2};
  CHECK_THAT(nll_report(pairs, {}), Catch::Contains("2 examples of multinli_1.0_dev_matched.jsonl; "
                                                    "skipped 1: ") &&
                                        Catch::Contains("dev_matched.jsonl:2"));
  const TaskFile own{"own", "train", "train.jsonl", 3};
  CHECK_THAT(nll_report(own, {}), Catch::Contains("keys that nothing reads: sourse"));
  CHECK_THAT(nll_report(own, {"--limit", "2"}), Catch::Contains("the number asked for"));

  const TaskFile questions{"wikisql", "dev", "dev.jsonl", 4};
  const std::vector<Json> whole = json_lines(run_task("nll", model.path(), questions));
  const std::string cut = nll_report(questions, {"--max-tokens", "110"});
  CHECK_THAT(cut, Catch::Contains("dev.jsonl: ") && Catch::Contains(" of 4 prompts were cut, by "));
  // A target is never cut.
  const std::vector<Json> shorter =
      json_lines(run_task("nll", model.path(), questions, {"--max-tokens", "110"}));
  REQUIRE(shorter.size() == 4);
  for (size_t i = 0; i < 4; ++i) CHECK(shorter[i].at("tokens") == whole[i].at("tokens"));
  CHECK(shorter != whole);

  int64_t longest = 0;
  for (const Json& line : whole) longest = std::max(longest, line.at("tokens").get<int64_t>());
  const std::string limit = std::to_string(longest + 5);
  CHECK_THAT(nll_report(questions, {"--max-tokens", limit}),
             Catch::Contains("warning: ") &&
                 Catch::Contains("examples fit in no way and were left out: dev:"));
  CHECK(json_lines(run_task("nll", model.path(), questions, {"--max-tokens", limit})).size() < 4);
}

TEST_CASE("done.json records the files that were trained on, their hashes, and what was skipped") {
  const TextModel model;
  const TaskFile samsum = task_files()[2];
  TemporaryFolder folder;
  const std::string out = (folder / "out").string();
  const ProgramResult result =
      run_task("train", model.path(), samsum, {"--method", "lora", "--steps", "1", "--out", out});
  REQUIRE(result.exit_code == 0);
  const Json read = read_json_file(folder / "out" / "done.json").at("read").at("data");
  CHECK(read.at("examples") == samsum.examples);
  const Json& file = read.at("files").at(0);
  CHECK(file.at("sha256") == sha256_file(folder_of(samsum) + "/" + samsum.file));
  CHECK(read.at("skipped").size() == 1);
  CHECK(read.contains("prompts_cut"));
}

TEST_CASE("a ranking keeps no room for text that is not generated") {
  const TextModel model;
  const TaskFile pairs{"mnli", "train", "train.tsv", 3};
  const std::vector<Json> got = json_lines(run_task("generate", model.path(), pairs));
  REQUIRE(got.size() == 3);
  CHECK(got == json_lines(run_task("generate", model.path(), pairs, {"--max-new", "500"})));
  const ProgramResult free =
      run_task("generate", model.path(), pairs, {"--max-new", "474", "--free"});
  CHECK(free.exit_code == 0);
  CHECK_THAT(free.err, Catch::Contains("prompts were cut"));
}

TEST_CASE("tasks are refused where the model, the file or an option does not fit") {
  TextModel model;
  const std::string path = model.path();
  const TaskFile own{"own", "train", "train.jsonl", 3};
  for (const std::string command : {"nll", "train", "generate"}) {
    INFO(command);
    const std::vector<std::string> more =
        command == "train" ? std::vector<std::string>{"--steps", "1"} : std::vector<std::string>{};
    const auto refuse = [&](const TaskFile& file, std::vector<std::string> words,
                            const std::string& expected) {
      words.insert(words.end(), more.begin(), more.end());
      check_refused(run_task(command, path, file, words), expected);
    };
    refuse({"owm", "train", "", 0}, {}, "did you mean 'own'?");
    refuse({"own", "test", "", 0}, {}, "no split 'test' of own in ");
    refuse(own, {"--template", "promt={prompt}"}, "did you mean 'prompt'?");
    refuse(own, {"--template", "prompt"}, "--template prompt: must be KEY=VALUE");
    refuse(own, {"--template", "prompt={target}"}, "target");
    refuse(own, {"--max-tokens", "513"}, "--max-tokens: 513 is more than the model's context, 512");
    refuse(own, {"--end-token", "800"}, "token id 800 is outside the model's vocabulary of 800");
    refuse(own, {"--limit", "-1"}, "--limit");
    std::vector<std::string> no_task{
        command, "--model", path, "--data", folder_of(own) + "/train.jsonl", "--limit", "1"};
    no_task.insert(no_task.end(), more.begin(), more.end());
    check_refused(run_program(no_task), command == "generate" ? "--task" : "--limit");
  }
  check_refused(run_task("generate", path, own, {"--max-prompt", "5"}),
                "--max-prompt requires --prompts or --prompt; a task has --max-tokens");
  // No answers to train on or to score.
  const TaskFile unlabelled{"mnli", "test_matched", "test_matched.tsv", 1};
  check_refused(run_task("nll", path, unlabelled), "gold_label");
  CHECK(json_lines(run_task("generate", path, unlabelled)).size() == 1);

  model.folder().change_config([](Json& config) { config.erase("eos_token_id"); });
  for (const std::string command : {"nll", "generate"})
    check_refused(run_task(command, path, own),
                  "config.json has no eos_token_id in its vocabulary; give the token");
  CHECK(json_lines(run_task("nll", path, own, {"--end-token", "</s>"})).size() == 3);
  std::filesystem::remove(model.folder().path() / "tokenizer.json");
  for (const std::string command : {"nll", "generate"})
    check_refused(run_task(command, path, own), "tokenizer.json");
}
