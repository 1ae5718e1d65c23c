// Options that make no sense: refused in one line before anything is made.
#include <catch2/catch.hpp>

#include <sys/stat.h>

#include "tests/experiments/bad_input.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

BadInput words(std::initializer_list<std::string> added, const char* expected) {
  const std::vector<std::string> list(added);
  std::string name;
  for (const std::string& word : list) name += word + " ";
  return {name, [=](Scene& s) { s.arguments.insert(s.arguments.end(), list.begin(), list.end()); },
          expected};
}

BadInput without_out(std::initializer_list<std::string> added, const char* expected) {
  BadInput bad = words(added, expected);
  bad.damage = [add = bad.damage](Scene& s) {
    s.arguments.resize(s.arguments.size() - 2);
    add(s);
  };
  return bad;
}

BadInput setting(const char* assignment, const char* expected) {
  return words({"--set", assignment}, expected);
}

BadInput value(const char* option, const char* given, const char* expected) {
  return {std::string(option) + " " + given, [=](Scene& s) { s.set(option, given); }, expected};
}

BadInput command(std::vector<std::string> arguments, const char* expected) {
  std::string name = "rankscope";
  for (const std::string& word : arguments) name += " " + word;
  return {name, [=](Scene& s) { s.arguments = arguments; }, expected};
}

}  // namespace

TEST_CASE("the program refuses settings that are unknown, ill-typed or out of range") {
  check_refused({
      setting("rank=abc", "'rank=abc': rank must be a whole number"),
      setting("rank=-1", "rank must be a whole number from 1"),
      setting("rank=0", "rank must be a whole number from 1"),
      setting("rank=8 ", "rank must be a whole number"),
      setting("rank=99999999999999999999", "rank must be a whole number"),
      setting("rnak=8", "there is no setting 'rnak'; did you mean 'rank'?"),
      setting("rank", "must have the form KEY=VALUE"),
      setting("=8", "must have the form KEY=VALUE"),
      setting("[rank=8]", "there is no setting '[rank'"),
      words({"--set", "rank=4", "lr=1"}, "not expected: lr=1"),
      words({"--set", "rank=4", "--set", "rank=8"}, "'rank=8': is given twice"),
      words({"--set", "warmup_steps=1", "--set", "warmup_ratio=0.1"},
            "'warmup_steps' and 'warmup_ratio' exclude each other"),
      setting("warmup_steps=0.1", "is no whole number of steps; a share of all steps is a warmup"),
      words({"--set", "steps=5"}, "--steps and --set steps differ"),
      setting("targets=Wx", "there is no site 'Wx'"),
      setting("targets=W3", "a gpt2 model has no W3"),
      setting("targets=", "there is no site ''"),
      setting("layers=0-5", "the model has 2 layers"),
      setting("lr=nan", "lr must be a number"),
      setting("lr=1e400", "lr must be a number"),
      setting("dropout=1", "dropout must be a number from 0 to 0.999"),
      setting("schedule=linaer", "did you mean 'linear'?"),
      setting("batch=0", "batch must be a whole number from 1"),
      setting("base_dropout=true", "attention dropout, which is not supported"),
      words({"--method", "lroa"}, "there is no method 'lroa'; did you mean 'lora'?"),
  });
}

TEST_CASE("the program refuses options that make no sense") {
  check_refused({
      command({}, "subcommand is required"),
      command({"trin"}, "there is no subcommand 'trin'; did you mean 'train'?"),
      command({"score", "wikisq"}, "there is no subcommand 'wikisq'; did you mean 'wikisql'?"),
      command({"info"}, "--model is required"),
      command({"nll", "--model", "x", "--data", "y", "--micro-batch-tokens", "0"},
              "must be a whole number from 1 to"),
      words({"--foo"}, "not expected: --foo"),
      words({"--fo\no"}, "not expected: --fo\\no"),
      words({"--prompt", "Once upon"}, "not expected: --prompt Once upon; --help lists"),
      words({"--eval-evry=2"}, "not expected: --eval-evry=2; did you mean --eval-every?"),
      command({"generate", "--model", "x", "--promp", "Once upon"},
              "not expected: --promp Once upon; did you mean --prompt?"),
      command({"nll", "--model", "x", "--dta", "y"}, "not expected: --dta y; did you mean --data?"),
      command({"--thrads", "train", "--model", "x"}, "not expected: --thrads"),
      command({"nll", "--model", "x", "--task", "wikisql", "--data", "-"},
              "--data: no tables lie beside standard input; give a file"),
      command({"generate", "--model", "x", "--task", "wikisql", "--data", "-"},
              "--data: no tables lie beside standard input; give a file"),
      command({"tokenizer", "train", "--vocab", "300", "--out", "x", "--data", "-", "--data", "-"},
              "--data: standard input is given twice"),
      command({"--verson"}, "not expected: --verson; did you mean --version?"),
      value("--data", "-", "--data: standard input is not read here; give a file"),
      command({"run", "-"}, "sweep: standard input is not read here; give a file"),
      command({"render", "wikisql", "--references", "-"},
              "--references: no tables lie beside standard input; give --tables"),
      command({"score", "rouge", "--references", "-", "--predictions", "-"},
              "both are standard input, which is read once"),
      value("--steps", "0", "--steps: must be a whole number from 1 to 1000000000, not '0'"),
      value("--steps", "-1", "--steps: must be a whole number"),
      value("--steps", "abc", "--steps: must be a whole number"),
      value("--steps", "99999999999999999999", "--steps: must be a whole number"),
      value("--threads", "-1", "--threads: must be a whole number from 0 to 4096"),
      {"no --steps",
       [](Scene& s) { s.arguments.erase(s.arguments.begin() + 5, s.arguments.begin() + 7); },
       "--steps: give the number of steps"},
      words({"--eval-every", "2"}, "--eval-data"),
      {"held-out data that is trained on",
       [](Scene& s) {
         s.add({"--eval-every", "2", "--eval-data", s.data().string()});
       },
       "--eval-data: held-out examples must not be trained on"},
      words({"--eval-data", "held.jsonl"}, "--eval-data requires --eval-every"),
      words({"--task", "own", "--eval-split", "dev"}, "--eval-split requires --eval-every"),
      words({"--task", "own", "--eval-limit", "2"}, "--eval-limit requires --eval-every"),
      without_out({"--save-every", "2"}, "--save-every requires --out"),
      without_out({"--save-minutes", "2"}, "--save-minutes requires --out"),
      words({"--eval-every", "-2"}, "--eval-every: must be a whole number from 0"),
      words({"--save-every", "-2"}, "--save-every: must be a whole number from 0"),
      words({"--save-minutes", "nan"}, "--save-minutes: must be a number from 0"),
      value("--model", "", "--model: is empty"),
      value("--model", "no-such-folder", "'no-such-folder' has no config.json"),
      value("--out", "", "--out: is empty"),
      without_out({"--out=", "--json"}, "--out: is empty"),
  });
}

TEST_CASE("the program refuses output folders that it cannot use") {
  check_refused({
      {"a file",
       [](Scene& s) {
         write_file_atomically(s.beside("file"), "");
         s.set("--out", s.beside("file"));
       },
       "Not a directory"},
      {"below a file",
       [](Scene& s) {
         write_file_atomically(s.beside("file"), "");
         s.set("--out", s.beside("file") / "out");
       },
       "Not a directory"},
      {"not writable", [](Scene& s) { s.set("--out", "/proc/self"); }, "/proc/self"},
      {"not to be made", [](Scene& s) { s.set("--out", "/proc/rankscope"); }, "/proc/rankscope"},
      {"a folder with an adapter of somebody else",
       [](Scene& s) {
         std::filesystem::create_directories(s.beside("other") / "adapter");
         s.set("--out", s.beside("other"));
       },
       "no resume point of a run"},
  });
}

TEST_CASE("a refused output folder keeps what was in it") {
  Scene scene;
  std::filesystem::create_directories(scene.out() / "adapter");
  write_file_atomically(scene.out() / "adapter" / "precious", "text");
  const ProgramResult result = run_program(scene.arguments);
  CHECK(result.exit_code == 2);
  CHECK(names_below(scene.out()) == std::vector<std::string>{"adapter", "adapter/precious"});
}
