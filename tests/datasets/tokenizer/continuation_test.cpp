// A text that goes on behind another has the ids that it has in the text of both.
#include <catch2/catch.hpp>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "common/json.h"
#include "datasets/tokenizer/tokenizer.h"

namespace rankscope {
namespace {

std::vector<int32_t> continued(const Tokenizer& tokenizer, const std::string& text) {
  std::vector<int32_t> ids;
  tokenizer.encode_continuation(text, ids);
  return ids;
}

std::vector<int32_t> piecewise(const Tokenizer& tokenizer, const std::string& prompt,
                               const std::string& target) {
  std::vector<int32_t> ids = tokenizer.encode(prompt, false);
  tokenizer.encode_continuation(target, ids);
  return ids;
}

// SentencePiece's way: a mark for each space, and one before the text.
Tokenizer marking_tokenizer(const Json& normalizer, const Json& pre_tokenizer) {
  const Json vocabulary = {{"<unk>", 0}, {"▁", 1},   {"a", 2}, {"t", 3},
                           {"▁t", 4},    {"▁ta", 5}, {":", 6}, {"▁a", 7}};
  const Json json = {
      {"added_tokens", Json::array({{{"id", 8}, {"content", "<x>"}, {"special", true}}})},
      {"normalizer", normalizer},
      {"pre_tokenizer", pre_tokenizer},
      {"model",
       {{"type", "BPE"},
        {"unk_token", "<unk>"},
        {"vocab", vocabulary},
        {"merges", {"▁ t", "▁t a", "▁ a"}}}},
  };
  return Tokenizer::parse(json.dump(), "t.json");
}

Json prepending_json() {
  return {{"type", "Sequence"},
          {"normalizers",
           {{{"type", "Prepend"}, {"prepend", "▁"}},
            {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "▁"}}}}};
}

Json metaspace_json(const char* scheme) {
  return {{"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", scheme}};
}

}  // namespace

TEST_CASE("no mark is put before a text that goes on behind another") {
  const std::vector<Tokenizer> tokenizers = [] {
    std::vector<Tokenizer> all;
    all.push_back(marking_tokenizer(prepending_json(), nullptr));
    all.push_back(marking_tokenizer(nullptr, metaspace_json("always")));
    all.push_back(marking_tokenizer(nullptr, metaspace_json("first")));
    return all;
  }();
  for (size_t i = 0; i < tokenizers.size(); ++i) {
    CAPTURE(i);
    const Tokenizer& tokenizer = tokenizers[i];
    CHECK(tokenizer.encode("ta") == std::vector<int32_t>{5});
    CHECK(continued(tokenizer, "ta") == std::vector<int32_t>{3, 2});
    CHECK(continued(tokenizer, " ta") == std::vector<int32_t>{5});
    CHECK(continued(tokenizer, "").empty());
    CHECK(tokenizer.encode("a: ta") == std::vector<int32_t>{7, 6, 5});
    // What follows an added token inside it is as in the whole.
    for (const std::string target : {"ta", " ta", "ta<x>ta", "<x>ta", " <x> ta"})
      CHECK(piecewise(tokenizer, "a:", target) == tokenizer.encode("a:" + target));
  }
}

TEST_CASE("prompt and target have the ids of their text with tokenizers of every kind") {
  const std::string name =
      GENERATE("gpt2", "gpt2_prefix_space", "llama3", "qwen2", "llama2", "metaspace");
  const Tokenizer tokenizer = Tokenizer::load(std::filesystem::path(RANKSCOPE_SOURCE_DIR) /
                                              "tests/reference/tokenizers" / name);
  const std::vector<std::pair<std::string, std::string>> texts = {
      {"question: How deep is Long Tarn?\nsql:", " SELECT Depth (m) FROM table"},
      {"An animal sleeps. true, false or neither? answer:", " neither"},
      {"Jon: Great!\nIda: See you at six\n\n", " Ida will bring bread [two loaves]."},
      {"Say hi.", "hi"},
  };
  for (const auto& [prompt, target] : texts) {
    INFO(name << ": " << prompt << "|" << target);
    CHECK(piecewise(tokenizer, prompt, target) == tokenizer.encode(prompt + target, false));
  }
}

}  // namespace rankscope
