// Interrupted equals uninterrupted: a pretraining that was stopped anywhere ends with the same
// bytes; and a folder of another one is refused.
#include <catch2/catch.hpp>

#include <signal.h>

#include <algorithm>

#include "tests/experiments/pretrain/pretrain_scene.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

namespace fs = std::filesystem;

// More than a pipe that is not read lets pass (program.h).
const std::string kLong = "training.steps=60";

}  // namespace

TEST_CASE("pretrain interrupted or killed in its training ends with the same bytes") {
  const PretrainScene scene;
  REQUIRE(scene.run("whole", {kLong}).exit_code == 0);
  int interrupted = 0;
  for (const int lines : {1, 7}) {
    const ProgramResult stopped =
        scene.run("stopped", {kLong, "--json"}, {.signal_after_lines = lines, .signal = SIGINT});
    INFO(stopped.err);
    REQUIRE((stopped.exit_code == 130 || stopped.exit_code == 0));
    if (stopped.exit_code == 130) ++interrupted;
    CHECK(fs::exists(scene / "stopped/training/state.safetensors"));
  }
  CHECK(interrupted > 0);
  scene.run("stopped", {kLong, "--json"}, {.signal_after_lines = 2, .signal = SIGKILL});
  REQUIRE(scene.run("stopped", {kLong}).exit_code == 0);
  check_same_folder(scene / "whole", scene / "stopped");
}

TEST_CASE("pretrain stopped between two stages ends with the same bytes") {
  const PretrainScene scene;
  REQUIRE(scene.run("whole").exit_code == 0);
  // What a kill can leave: each stage's result is whole or not there.
  const std::vector<std::vector<std::string>> left_out{
      {"base"},
      {"base", "training/done.json"},
      {"base", "training/done.json", "training/adapter"},
      {"base", "training", "held_out.jsonl"},
      {"base", "training", "held_out.jsonl", "start"},
  };
  for (const std::vector<std::string>& names : left_out) {
    INFO(names.back());
    fs::remove_all(scene / "part");
    fs::copy(scene / "whole", scene / "part", fs::copy_options::recursive);
    for (const std::string& name : names) fs::remove_all(scene / "part" / name);
    const ProgramResult result = scene.run("part");
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
    check_same_folder(scene / "whole", scene / "part");
  }
}

TEST_CASE("pretrain run again does nothing, even where only the base is left") {
  const PretrainScene scene;
  REQUIRE(scene.run("out").exit_code == 0);
  fs::remove_all(scene / "out/training");
  fs::remove_all(scene / "out/start");
  const std::vector<std::string> names = names_below(scene / "out");
  const fs::file_time_type written = fs::last_write_time(scene / "out/base/model.safetensors");
  const ProgramResult again = scene.run("out", {"--json"});
  CHECK_THAT(again.err, Catch::Contains("finished earlier, nothing to do"));
  REQUIRE(json_lines(again).size() == 1);
  CHECK(json_lines(again)[0] == read_json_file(scene / "out/base/pretrain.json"));
  CHECK(fs::last_write_time(scene / "out/base/model.safetensors") == written);
  CHECK(names_below(scene / "out") == names);
  fs::resize_file(scene / "out/base/model.safetensors", 100);
  check_refused(scene.run("out"), "base/model.safetensors");
}

TEST_CASE("pretrain writes nothing into a model's folder") {
  const PretrainScene scene;
  REQUIRE(scene.run("out").exit_code == 0);
  const std::vector<std::string> names = names_below(scene / "out/base");
  check_refused(scene.run("out/base"), "out/base' is a model's folder; give another --out folder");
  CHECK(names_below(scene / "out/base") == names);
}

TEST_CASE(
    "pretrain keeps a base of an older numeric version, and goes on with no training of one") {
  const PretrainScene scene;
  REQUIRE(scene.run("out").exit_code == 0);
  Json identity = read_json_file(scene / "out/identity.json");
  identity["numeric_version"] = "0";
  write_file_atomically(scene / "out/identity.json", identity.dump());
  const ProgramResult again = scene.run("out");
  INFO(again.err);
  CHECK(again.exit_code == 0);
  CHECK_THAT(again.err, Catch::Contains("finished earlier, nothing to do"));
  check_refused(scene.run("out", {"seed=4"}), "seed was 3 and is now 4");
  fs::remove_all(scene / "out/base");
  check_refused(scene.run("out"), "numeric_version was 0 and is now ");
}

TEST_CASE("pretrain refuses the folder of another pretraining, by the key that differs") {
  const PretrainScene scene;
  REQUIRE(scene.run("out").exit_code == 0);
  for (const bool finished : {true, false}) {
    INFO(finished);
    if (!finished) fs::remove_all(scene / "out/base");
    check_refused(scene.run("out", {"training.lr=2e-2"}), "training.lr was 0.01 and is now 0.02");
    check_refused(scene.run("out", {"seed=4"}), "seed was 3 and is now 4");
    check_refused(scene.run("out", {"model.n_head=4"}), "model.n_head was 2 and is now 4");
  }
  const std::string identity = read_bytes(scene / "out/identity.json");
  Json with_more = Json::parse(identity);
  with_more["model.window"] = "7";
  write_file_atomically(scene / "out/identity.json", with_more.dump());
  check_refused(scene.run("out"), "model.window was 7 and is now (absent)");
  write_file_atomically(scene / "out/identity.json", identity);
  PretrainScene other;
  other.write_documents(document_lines(small_documents(91)));
  REQUIRE(other.run("out").exit_code == 0);
  other.write_documents(document_lines(small_documents(90)));
  check_refused(other.run("out"), "documents was ");
  fs::create_directory(scene / "out/base");
  check_refused(scene.run("out"), "has no pretrain.json; remove it to make the base anew");
  fs::remove(scene / "out/identity.json");
  check_refused(scene.run("out"), "is there, but no identity.json");
}

TEST_CASE("pretrain refuses hostile documents by their place, and leaves no folder") {
  PretrainScene scene;
  const auto refused = [&](const std::string& lines, const std::string& expected,
                           const std::vector<std::string>& more = {}) {
    scene.write_documents(lines);
    check_refused(scene.run("out", more), expected);
    CHECK_FALSE(fs::exists(scene / "out"));
  };
  const std::string good = document_lines(small_documents(30));
  refused(good + "{\"text\": \"cut o", "documents.jsonl:31");
  refused(good + "[1]\n", "documents.jsonl:31");
  refused(good + "{\"tekst\": \"x\"}\n", "documents.jsonl:31: field 'text': is missing");
  refused(good + "{\"text\": 5}\n", "documents.jsonl:31: field 'text': must be a string");
  refused(good + "{\"text\": \"a\", \"text\": \"b\"}\n", "documents.jsonl:31");
  refused(good + "{\"text\": \"\xff\"}\n", "documents.jsonl");
  refused(good + "{\"text\": \"\\ud800\"}\n", "documents.jsonl:31");
  refused(good + "{\"text\": \"one <|endoftext|> two\"}\n",
          "documents.jsonl:31: field 'text': holds '<|endoftext|>'");
  refused("", "is empty");
  refused(document_lines(std::vector<std::string>(12, "")), "of 0 documents");
  refused(document_lines(small_documents(9)), "held_out: of 9 documents it leaves none");
  refused(document_lines(small_documents(30)), "tokens_from: is 60, but only 21");
  refused(good, "nowhere.jsonl", {"documents=nowhere.jsonl"});
}

TEST_CASE("pretrain skips empty texts, passes over other keys, and cuts what is too long") {
  PretrainScene scene;
  std::string lines = document_lines(small_documents(89));
  lines.insert(
      0, "{\"text\": \"\"}\n{\"text\": \"" + std::string(3000, 'z') + "\", \"url\": [1, {}]}\n\n");
  scene.write_documents(lines);
  const ProgramResult result = scene.run("out", {"training.steps=2", "tokenizer.vocabulary=257"});
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  const Json record = read_json_file(scene / "out/base/pretrain.json");
  CHECK(record.at("documents").at("read") == 90);
  CHECK(record.at("documents").at("skipped").at("empty text").at("count") == 1);
  CHECK(record.at("documents").at("blank_lines") == 1);
  CHECK(record.at("trained").at("documents_cut") >= 1);
  CHECK(record.at("trained").at("tokens_cut") >= 3000 + 1 - 48);
  CHECK(record.at("vocabulary") == 257);
}
