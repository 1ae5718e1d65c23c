// Paths that may not be looked at, or that can name nothing: refused in one line, with no word of
// what they hold.
#include <catch2/catch.hpp>

#include "tests/datasets/test_files.h"
#include "tests/experiments/program.h"
#include "tests/experiments/text_model.h"
#include "tests/skip.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

// The small text model with a task's splits in its folder, which everybody may read.
class OpenFolder {
 public:
  OpenFolder() {
    for (const char* split : {"train.jsonl", "dev.jsonl"})
      std::filesystem::copy_file(data_file("own") / "train.jsonl", model_.folder().path() / split);
    std::filesystem::permissions(model_.folder().path(), std::filesystem::perms(0755));
  }
  std::string path() const { return model_.path(); }
  std::vector<std::string> nll(const std::string& model, const std::string& data,
                               const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words = {"nll",    "--model", model,       "--task", "own",
                                      "--data", data,      "--threads", "1"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  // `run --dry-run` of a sweep of that name on this base and these data.
  std::vector<std::string> run(const std::string& name, const std::string& base,
                               const std::string& data) const {
    const std::string file = path() + "/" + name + ".yaml";
    write_file_atomically(file, "base: " + base + "\ntasks:\n  own:\n    data: " + data +
                                    "\nmethod: lora\nsteps: 1\nseeds: [0]\n");
    return {"run", file, "--dir", path() + "/sweep", "--dry-run"};
  }

 private:
  TextModel model_;
};

}  // namespace

TEST_CASE("a path that may not be looked at is refused as that") {
  const OpenFolder open;
  const TemporaryFolder folder;
  const std::string closed = folder.path().string();
  std::filesystem::copy(data_file("own"), folder / "own");
  std::filesystem::copy(open.path(), folder / "model");
  std::filesystem::copy(
      std::filesystem::path(RANKSCOPE_SOURCE_DIR) / "tests/reference/peft/llama_q_v",
      folder / "adapter");
  const ProgramOptions nobody{.as_nobody = true};
  const int started = run_program({"info", "--model", open.path()}, nobody).exit_code;
  if (started == 126 || started == 127) RANKSCOPE_SKIP("the program cannot be run as nobody");
  REQUIRE(started == 0);
  const std::vector<std::vector<std::string>> commands = {
      open.nll(open.path(), closed + "/own"),
      open.nll(closed + "/model", open.path()),
      open.nll(open.path(), open.path(), {"--adapter", closed + "/adapter"}),
      {"generate", "--model", open.path(), "--task", "own", "--data", closed + "/own"},
      {"tokenize", "--model", closed + "/model", open.path() + "/dev.jsonl"},
      open.run("base", closed + "/model", open.path()),
      open.run("data", open.path(), closed + "/own"),
      {"query", closed},
      {"query", closed + "/sweep"}};
  std::filesystem::permissions(closed, std::filesystem::perms(0));
  for (const std::vector<std::string>& words : commands) {
    INFO(Json(words));
    check_refused(run_program(words, nobody), "cannot look for '" + closed);
  }
  std::filesystem::permissions(closed, std::filesystem::perms(0700));
}

TEST_CASE("a path that can name nothing is refused in a line") {
  const OpenFolder open;
  const std::string loop = open.path() + "/loop", long_name(300, 'a');
  std::filesystem::create_symlink("loop", loop);
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           open.nll(open.path(), loop),
           open.nll(loop, open.path()),
           open.nll(open.path(), open.path(), {"--adapter", loop}),
           {"tokenize", "--model", loop, open.path() + "/dev.jsonl"},
           open.run("base", loop, open.path()),
           open.run("data", open.path(), loop),
           {"status", loop},
           {"query", loop}}) {
    INFO(Json(words));
    check_refused(run_program(words), "Too many levels of symbolic links");
  }
  for (const std::vector<std::string>& words :
       {open.nll(open.path(), open.path(), {"--split", long_name}),
        open.nll(open.path(), open.path() + "/" + long_name),
        open.nll(open.path() + "/" + long_name, open.path())}) {
    INFO(Json(words));
    check_refused(run_program(words), "File name too long");
  }
}

TEST_CASE("a sweep below a folder whose name is not UTF-8 is refused before anything is made") {
  const OpenFolder open;
  const TemporaryFolder place;
  const std::filesystem::path folder = place / "caf\xe9";
  std::error_code error;
  std::filesystem::create_directory(folder, error);
  if (error) RANKSCOPE_SKIP("the file system takes no such name");
  std::filesystem::copy(data_file("own"), folder / "own");
  put(folder / "s.yaml", "base: " + open.path() +
                             "\ntasks:\n  own:\n    data: own\nmethod: lora\nsteps: 1\n"
                             "seeds: [0]\n");
  check_refused(run_program({"run", (folder / "s.yaml").string(), "--dir", place / "sweep"}),
                "caf\\xe9/own' is not UTF-8");
  CHECK_FALSE(std::filesystem::exists(place / "sweep"));
}

TEST_CASE("a path with control characters is shown with them spelt out") {
  const OpenFolder open;
  const TemporaryFolder place;
  const std::filesystem::path odd = place / "m\n\x1b[31m";
  const auto folder = [&](const std::string& name, const std::string& text) {
    std::filesystem::remove_all(odd);
    std::filesystem::create_directory(odd);
    put(odd / name, text);
    return odd.string();
  };
  const auto refuse = [&](const std::vector<std::string>& words, const std::string& expected) {
    INFO(Json(words));
    check_refused(run_program(words), "m\\n\\x1b[31m" + expected);
  };
  refuse({"tokenize", "--model", folder("other", ""), open.path() + "/dev.jsonl"},
         ": holds neither tokenizer.json");
  refuse({"tokenize", "--model", folder("tokenizer.json", R"({"version": "2.0"})"),
          open.path() + "/dev.jsonl"},
         "/tokenizer.json: field 'version'");
  refuse({"info", "--model", folder("config.json", R"({"model_type": 5})")},
         "/config.json: field 'model_type'");
  refuse(open.nll(open.path(), open.path(), {"--adapter", folder("rankscope.json", "{}")}),
         "/rankscope.json: field 'method'");
  const std::string shards = folder("model.safetensors.index.json", "{}");
  for (const char* name : {"config.json", "tokenizer.json"})
    std::filesystem::copy(std::filesystem::path(open.path()) / name, odd / name);
  refuse(open.nll(shards, open.path()), "/model.safetensors.index.json: field 'weight_map'");
  const std::string empty = folder("tokens.jsonl", "\n");
  refuse({"nll", "--model", open.path(), "--data", empty + "/tokens.jsonl"},
         "/tokens.jsonl: holds no examples");
}
