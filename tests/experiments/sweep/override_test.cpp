// KEY=VALUE on the command line.
#include <catch2/catch.hpp>

#include "tests/experiments/sweep/sweep_folder.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

const std::string kText = R"(base: model
tasks: {own: {data: data, score: {limit: 5}}}
training: {steps: 4, lr: 1e-3}
groups:
- {method: lora, grid: {rank: [1, 2]}}
- {method: full}
)";

}  // namespace

TEST_CASE("overrides change values, whole, and make what is missing") {
  const SweepFolder folder;
  const std::vector<std::string> overrides = {"groups.0.grid.rank=[3, 5, 7]",
                                              "groups.1.lr=1e-5",
                                              "training.lr=2e-3",
                                              "training.lr=4e-3",
                                              "name=other",
                                              "seeds=[8]",
                                              "tasks.own.train={limit: 6, skip: 1}",
                                              "base=elsewhere/model"};
  const Sweep sweep = folder.read(kText, overrides);
  CHECK(sweep.overrides == overrides);
  CHECK(sweep.text == kText);
  CHECK(sweep.name == "other");
  CHECK(values_of(sweep, "rank") == "3 5 7 -");
  CHECK(values_of(sweep, "lr") == "0.004 0.004 0.004 1e-05");
  CHECK(trained(sweep)[0].seed == 8);
  CHECK(trained(sweep)[0].task.train.limit == 6);
  CHECK(trained(sweep)[0].task.train.skip == 1);
  CHECK(trained(sweep)[0].task.score.data.limit == 5);
  // The shell's folder, not the file's.
  CHECK(sweep.base == std::filesystem::current_path() / "elsewhere/model");
}

TEST_CASE("an override's relative path needs a folder to start from") {
  const SweepFolder folder;
  const TemporaryFolder other;
  const std::filesystem::path before = std::filesystem::current_path(), gone = other / "gone";
  std::filesystem::create_directory(gone);
  std::filesystem::current_path(gone);
  std::filesystem::remove(gone);
  const std::string refused = folder.refusal(kText, {"base=elsewhere"});
  std::filesystem::current_path(before);
  CHECK_THAT(refused, Catch::Contains("'base'") && Catch::Contains("give the whole path"));
}

TEST_CASE("an override's text is taken as it stands unless it begins as YAML") {
  const SweepFolder folder;
  std::filesystem::create_directories(folder / "a: b #c");
  std::ofstream(folder / "a: b #c/train.jsonl") << "\n";
  std::ofstream(folder / "a: b #c/dev.jsonl") << "\n";
  const std::string data = (folder / "a: b #c").string();
  CHECK(trained(folder.read(kText, {"tasks.own.data=" + data}))[0].task.train.data == data);
  CHECK(folder.read(kText, {"name='quoted'"}).name == "quoted");
}

TEST_CASE("wrong overrides are quoted in the message") {
  const SweepFolder folder;
  const auto refused = [&](const std::string& text) { return folder.refusal(kText, {text}); };
  CHECK(refused("training.lr") ==
        "override 'training.lr': must have the form KEY=VALUE, as training.lr=1e-4");
  CHECK(refused("=4") == "override '=4': must have the form KEY=VALUE, as training.lr=1e-4");
  CHECK(refused("a..b=4") == "override 'a..b=4': an empty key; write KEY.KEY=VALUE");
  CHECK(refused("training.lrr=1") ==
        "override 'training.lrr=1': 'training.lrr': there is no such key; did you mean 'lr'?");
  CHECK(refused("groups.2.lr=1") ==
        "override 'groups.2.lr=1': '2' must be the number of an item, 0 to 1");
  CHECK(refused("groups.first.lr=1") ==
        "override 'groups.first.lr=1': 'first' must be the number of an item, 0 to 1");
  CHECK(refused("base.x=1") ==
        "override 'base.x=1': there is no 'x', what stands before it is no map");
  CHECK(refused("training.batch=") ==
        "override 'training.batch=': 'training.batch': must be a decimal number, not empty");
  CHECK(refused("tasks.samsum.data=d") ==
        "override 'tasks.samsum.data=d': the sweep has no task 'samsum'; its tasks are own; a task "
        "is added as a whole, by tasks.samsum={data: DIR, ...}");
  CHECK(folder.refusal(kText, {"tasks.samsum={data: d}"}).find("has no task") == std::string::npos);
  CHECK_THAT(refused("training.batch=[1"), Catch::StartsWith("override 'training.batch=[1':1: "));
  CHECK_THAT(refused("template.prompt={prompt} Answer:"),
             Catch::EndsWith("; a text that begins with { needs quotes: KEY='\"{prompt} ...\"'"));
  CHECK_THAT(refused("name=[1] one"),
             Catch::EndsWith("; a text that begins with [ needs quotes: KEY='\"[1] ...\"'"));
  CHECK_THAT(refused("name='one"), !Catch::Contains("needs quotes"));
  CHECK_THAT(refused("training.batch=0"),
             Catch::StartsWith("override 'training.batch=0': 'training.batch': setting 'batch=0'"));
  CHECK_THAT(refused("a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a=1"), Catch::Contains("more than 16 keys"));
  CHECK_THAT(refused("name=\xff"), Catch::Contains("not UTF-8"));
  CHECK(folder.refusal("", {}) == "s.yaml: the file is empty");
  CHECK(folder.refusal("", {"base=m"}) ==
        "s.yaml:1: 'tasks' is missing: what is trained and scored, as {wikisql: {data: DIR}}");
}
