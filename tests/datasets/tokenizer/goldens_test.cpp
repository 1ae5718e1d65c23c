// Every small tokenizer against what Hugging Face tokenizers says (tests/reference).
#include <catch2/catch.hpp>

#include <filesystem>
#include <string>
#include <vector>

#include "common/files.h"
#include "common/json.h"
#include "datasets/tokenizer/bpe_trainer.h"
#include "datasets/tokenizer/tokenizer.h"

namespace rankscope {
namespace {

const std::filesystem::path kGoldens =
    std::filesystem::path(RANKSCOPE_SOURCE_DIR) / "tests/reference/tokenizers";

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

const char* const kTokenizers[] = {"gpt2",   "gpt2_prefix_space", "llama3",   "qwen2",
                                   "llama2", "crossing_merges",   "metaspace"};

TEST_CASE("tokenizers give Hugging Face's ids and texts") {
  const std::string name = GENERATE(from_range(std::begin(kTokenizers), std::end(kTokenizers)));
  const Tokenizer tokenizer = Tokenizer::load(kGoldens / name);
  const Json cases = read_json_file(kGoldens / name / "cases.json");
  REQUIRE(cases["texts"].size() > 100);
  // Twice: the second time every word is met in the cache.
  for (int round = 0; round < 2; ++round) {
    for (size_t i = 0; i < cases["texts"].size(); ++i) {
      const std::string text = cases["texts"][i];
      INFO(name << ", text " << i << ": " << cases["texts"][i].dump());
      const std::vector<int32_t> ids = tokenizer.encode(text);
      CHECK(Json(ids) == cases["ids"][i]);
      CHECK(Json(tokenizer.encode(text, false)) == cases["bare"][i]);
      CHECK(tokenizer.decode(ids) == cases["decoded"][i]);
      CHECK(tokenizer.decode(ids, true) == cases["skipped"][i]);
    }
  }
  for (size_t i = 0; i < cases["bytes"].size(); ++i) {
    INFO(name << ", bytes " << cases["bytes"][i].dump());
    CHECK(Json(tokenizer.encode(from_hex(cases["bytes"][i]))) == cases["bytes_ids"][i]);
  }
  for (size_t i = 0; i < cases["random_ids"].size(); ++i) {
    const std::vector<int32_t> ids = cases["random_ids"][i];
    INFO(name << ", ids " << cases["random_ids"][i].dump());
    CHECK(tokenizer.decode(ids) == cases["random_decoded"][i]);
  }
}

TEST_CASE("byte-level tokenizers give every text back") {
  const std::string name = GENERATE("gpt2", "llama3");
  const Tokenizer tokenizer = Tokenizer::load(kGoldens / name);
  const Json cases = read_json_file(kGoldens / name / "cases.json");
  for (const std::string text : cases["texts"])
    CHECK(tokenizer.decode(tokenizer.encode(text, false)) == text);
}

TEST_CASE("the trainer learns Hugging Face's vocabulary and merges") {
  const std::string name = GENERATE("gpt2", "llama3", "qwen2");
  const Json expected = read_json_file(kGoldens / "trained" / (name + ".json"));
  BpeTrainerSettings settings;
  settings.pattern = *tokenizer::find_pattern_name(name);
  settings.vocabulary = 900;
  settings.min_count = 1;
  settings.special_tokens = {"<|endoftext|>", "<|pad|>"};
  BpeTrainer forwards(settings), backwards(settings);
  const std::string text = read_text_file(kGoldens / "trained" / "text.txt");
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  for (const std::string& line : lines) forwards.add(line);
  for (size_t i = lines.size(); i > 0; --i) backwards.add(lines[i - 1]);
  const std::string json = forwards.train();
  CHECK(json == backwards.train());
  const Json model = Json::parse(json)["model"];
  CHECK(model["vocab"] == expected["vocab"]);
  REQUIRE(model["merges"].size() == expected["merges"].size());
  for (size_t i = 0; i < model["merges"].size(); ++i) {
    const Json& pair = expected["merges"][i];
    CHECK(model["merges"][i] == pair[0].get<std::string>() + " " + pair[1].get<std::string>());
  }
  // What it wrote can be read, and cuts the text it learnt from into fewer tokens than bytes.
  const Tokenizer tokenizer = Tokenizer::parse(json, "trained");
  const std::vector<int32_t> ids = tokenizer.encode(text);
  CHECK(tokenizer.decode(ids) == text);
  CHECK(ids.size() * 2 < text.size());
  CHECK(tokenizer.id_of("<|pad|>") == 1);
}

}  // namespace
}  // namespace rankscope
