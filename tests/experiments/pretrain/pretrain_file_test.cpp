// Pretraining files: what is read, what is refused and where, and the page that documents it.
#include "experiments/pretrain/pretrain_file.h"

#include <catch2/catch.hpp>
#include <set>
#include <sstream>

#include "common/error.h"
#include "experiments/training_settings.h"
#include "tests/error_text.h"
#include "tests/experiments/pretrain/pretrain_scene.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

PretrainPlan read(const PretrainScene& scene, const std::string& text,
                  const std::vector<std::string>& overrides = {}) {
  write_file_atomically(scene.file(), text);
  return read_pretrain_file(scene.file(), overrides);
}

// Without the folder's name.
std::string refusal(const std::string& text, const std::vector<std::string>& overrides = {}) {
  const PretrainScene scene;
  std::string message = error_text<InputError>([&] { read(scene, text, overrides); });
  const std::string folder = scene.file().parent_path().string() + "/";
  if (const auto at = message.find(folder); at != std::string::npos)
    message.erase(at, folder.size());
  return message;
}

// kPretrainFile with one text in another's place.
std::string changed(const std::string& from, const std::string& to) {
  std::string text = kPretrainFile;
  return text.replace(text.find(from), from.size(), to);
}

}  // namespace

TEST_CASE("a pretraining file is read, its overrides and its defaults") {
  const PretrainScene scene;
  const PretrainPlan plan =
      read(scene, kPretrainFile, {"training.lr=5e-3", "model.n_layer=3", "held_out=10"});
  CHECK(plan.name == "p");
  CHECK(plan.seed == 3);
  CHECK(plan.documents.files == std::vector{scene / "documents.jsonl"});
  CHECK(plan.held_out == 10);
  CHECK(plan.tokenizer.vocabulary == 280);
  CHECK(plan.tokenizer.pattern == "gpt2");
  CHECK(plan.tokenizer.tokens_from == 60);
  CHECK(plan.model.n_layer == 3);
  CHECK(plan.model.initializer_range == 0.02);
  CHECK_FALSE(plan.model.sinusoidal_positions);
  CHECK(plan.window == 48);
  CHECK(plan.joining == Joining::kMany);
  CHECK(plan.eval_every == 10);
  CHECK(plan.training == std::map<std::string, std::string>{{"steps", "20"},
                                                            {"batch", "4"},
                                                            {"lr", "5e-3"},
                                                            {"schedule", "cosine"},
                                                            {"warmup_ratio", "0.1"},
                                                            {"seed", "3"}});
  const PretrainPlan world = read(scene, changed("documents.jsonl", "{embedded: 70}"));
  CHECK(world.documents.files.empty());
  CHECK(world.documents.embedded == 70);
  CHECK(world.documents.seed == 3);
  CHECK(read(scene, changed("documents.jsonl", "{embedded: 70, seed: 8}")).documents.seed == 8);
  CHECK(read(scene, changed("window: 48\n", "")).window == 64);
  CHECK(read(scene, changed("window: 48\n", "join: false\n")).joining == Joining::kOne);
  CHECK(read(scene, changed("n_head: 2", "n_head: 2, initial_positions: sinusoidal"))
            .model.sinusoidal_positions);
  CHECK(read(scene, changed("documents.jsonl", "[a.jsonl, b/c.jsonl]")).documents.files ==
        std::vector{scene / "a.jsonl", scene / "b/c.jsonl"});
}

TEST_CASE("what a pretraining file cannot say is refused at its line") {
  const auto at = [](const std::string& from, const std::string& to) {
    return refusal(changed(from, to));
  };
  CHECK(at("held_out: 9", "heldout: 9") ==
        "p.yaml:3: 'heldout': there is no such key; did you mean 'held_out'?");
  CHECK(at("n_head: 2", "n_heads: 2") ==
        "p.yaml:5: 'model.n_heads': there is no such key; did you mean 'n_head'?");
  CHECK(at("batch: 4", "my.batch: 4")
            .starts_with("p.yaml:9: 'training.my.batch': there is no such key; keys joined by"));
  CHECK(at("batch: 4", "base_dropout: true").starts_with("p.yaml:9: 'training.base_dropout': "));
  CHECK_THAT(at("batch: 4", "steps: 4"),
             Catch::StartsWith("p.yaml:9: key 'steps' is given twice, first in line 8"));
  CHECK(at("n_embd: 16", "n_embd: 16.0") ==
        "p.yaml:5: 'model.n_embd': must be a whole number from 1 to 16384, not 16.0");
  CHECK(at("n_head: 2", "n_head: 3") ==
        "p.yaml:5: 'model.n_head': is 3, which does not divide n_embd, 16");
  CHECK(at("window: 48", "window: 65") ==
        "p.yaml:6: 'window': must be a whole number from 2 to 64, not 65");
  CHECK_THAT(at("n_head: 2", "n_head: 2, initial_positions: sine"),
             Catch::StartsWith("p.yaml:5: 'model.initial_positions': "));
  CHECK(at("window: 48", "join: 2").starts_with("p.yaml:6: 'join': "));
  CHECK_THAT(
      at("vocabulary: 280", "vocabulary: 256"),
      Catch::StartsWith("p.yaml:4: 'tokenizer.vocabulary': must be a whole number from 257"));
  CHECK_THAT(at("tokens_from: 60", "pattern: gtp2"),
             Catch::Contains("p.yaml:4: 'tokenizer.pattern': ") &&
                 Catch::Contains("did you mean 'gpt2'?"));
  CHECK_THAT(at("lr: 1e-2", "lr: fast"),
             Catch::StartsWith("p.yaml:10: 'training.lr': must be a decimal number, not fast"));
  CHECK_THAT(at("batch: 4", "batch: 0"),
             Catch::StartsWith("p.yaml:9: 'training.batch': setting 'batch=0': batch must be"));
  CHECK_THAT(at("schedule: cosine", "warmup_steps: 3"),
             Catch::StartsWith("p.yaml:12: 'training.warmup_ratio': settings 'warmup_steps' and"));
  CHECK(at("held_out: 9\n", "") ==
        "p.yaml:12: 'training.eval_every': there is no held-out document; give 'held_out'");
  CHECK(at("  steps: 20\n", "") == "p.yaml:7: 'training': 'steps' is missing: optimizer steps");
  CHECK(at("n_layer: 2, ", "") == "p.yaml:5: 'model': 'n_layer' is missing: the number of layers");
  CHECK(at("documents.jsonl", "embedded") ==
        "p.yaml:2: 'documents': how many? Write {embedded: NUMBER}");
  CHECK(at("documents.jsonl", "") == "p.yaml:2: 'documents': must be a map of keys, not empty");
  CHECK(at("documents.jsonl", "[]").starts_with("p.yaml:2: 'documents': the list is empty"));
  CHECK(at("documents.jsonl", "{embedded: 9}") ==
        "p.yaml:3: 'held_out': leaves no document to train on: there are 9");
  CHECK(refusal("") == "p.yaml: the file is empty");
  CHECK(refusal("[1]").starts_with("p.yaml:1: must be a map of keys, not a list"));
  CHECK(refusal("&a {}").starts_with("p.yaml:1: an anchor (&)"));
  CHECK(refusal(kPretrainFile, {"modle.n_embd=8"}) ==
        "override 'modle.n_embd=8': 'modle': there is no such key; did you mean 'model'?");
}

TEST_CASE("the page of pretraining files and the program know the same keys and defaults") {
  std::istringstream page(read_text_file(std::filesystem::path(RANKSCOPE_SOURCE_DIR) /
                                         "experiments/pretrain/PRETRAIN_FILE.md"));
  std::map<std::string, std::set<std::string>> keys;
  std::string line, section;
  const auto code = [](const std::string& text) {
    const auto from = text.find('`');
    return from == std::string::npos ? ""
                                     : text.substr(from + 1, text.find('`', from + 1) - from - 1);
  };
  while (std::getline(page, line)) {
    if (line.starts_with("#")) section = code(line);
    if (!line.starts_with("| `") || section.empty()) continue;
    INFO(line);
    CHECK(keys[section].insert(code(line)).second);
    const auto real = training_settings().find(code(line));
    if (section == "training" && real != training_settings().end()) {
      CHECK_THAT(line, Catch::Contains("| `" + real->second + "` |"));
    }
  }
  for (const char* name : {"pretrain", "documents", "tokenizer", "model", "training"}) {
    INFO(name);
    const std::vector<std::string> known = pretrain_keys(name);
    CHECK(keys[name] == std::set<std::string>(known.begin(), known.end()));
  }
}

TEST_CASE("the base of the repository is a file that is read") {
  const PretrainPlan plan = read_pretrain_file(
      std::filesystem::path(RANKSCOPE_SOURCE_DIR) / "experiments/embedded_base.yaml", {});
  CHECK(plan.name == "embedded_base");
  CHECK(plan.documents.embedded > plan.held_out);
}
