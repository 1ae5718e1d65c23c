// Tokenizers made on the spot against what Hugging Face tokenizers 0.23.3 says of the same file.
#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "common/error.h"
#include "common/json.h"
#include "datasets/tokenizer/tokenizer.h"
#include "tests/error_text.h"

namespace rankscope {
namespace {

using Ids = std::vector<int32_t>;

// Words of a and b, a mark for each space, and a merge of two marks.
Json two_marks() {
  return Json::parse(R"({
    "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
    "decoder": {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
    "model": {"type": "BPE", "vocab": {"▁": 0, "▁▁": 1, "a": 2, "▁a": 3, "b": 4},
              "merges": ["▁ ▁", "▁ a"]}
  })");
}

Json added_token(const char* content, int id) { return {{"id", id}, {"content", content}}; }

std::string refusal(const Json& json) {
  return tests::error_text<InputError>([&] { Tokenizer::parse(json.dump(), "t.json"); });
}

Tokenizer made(const Json& json) { return Tokenizer::parse(json.dump(), "t.json"); }

}  // namespace

TEST_CASE("a character that is dropped leaves its neighbours to each other") {
  Json json = two_marks();
  CHECK(made(json).encode(" é a") == Ids{1, 2});
  CHECK(made(json).encode(" é é a") == Ids{1, 3});
  json["pre_tokenizer"] = {
      {"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", "never"}, {"split", false}};
  CHECK(made(json).encode(" é a") == Ids{1, 2});
  json["pre_tokenizer"] = nullptr;
  // Some of the bytes are not enough.
  json["model"]["byte_fallback"] = true;
  json["model"]["vocab"]["<0x41>"] = 5;
  CHECK(made(json).encode(" é a") == Ids{1, 2});
  json["model"]["vocab"]["<unk>"] = 6;
  json["model"]["unk_token"] = "<unk>";
  CHECK(made(json).encode(" é a") == Ids{0, 6, 3});
}

TEST_CASE(
    "an added token that is looked for in the normalised text is decoded as it stands there") {
  Json json = two_marks();
  Json token = added_token("<t> x", 5);
  token["normalized"] = true;
  json["added_tokens"] = Json::array({token});
  json["normalizer"] = {{"type", "Sequence"},
                        {"normalizers", Json::array({{{"type", "Prepend"}, {"prepend", "▁"}},
                                                     two_marks().at("normalizer")})}};
  const Ids ids = made(json).encode("a <t> x b");
  CHECK(ids == Ids{3, 5, 0, 4});
  CHECK(made(json).decode(ids) == " a <t> x b");
  CHECK(made(json).decode(ids, true) == " a <t> x b");
  CHECK(*made(json).token_of(5) == "<t> x");
  json["added_tokens"][0]["special"] = true;
  CHECK(made(json).decode(ids) == " a <t> x b");
  // Hugging Face tokenizers does not find it among its special ones, and shows it.
  CHECK(made(json).decode(ids, true) == " a b");
  json["added_tokens"][0]["normalized"] = false;
  CHECK(made(json).decode(ids) == " a<t> x b");
}

TEST_CASE("two added tokens that are one behind the normalizer are refused") {
  Json json = two_marks();
  Json first = added_token(" x", 5), second = added_token("▁x", 6);
  for (const bool special : {false, true}) {
    second["special"] = special;
    second["normalized"] = true;
    json["added_tokens"] = Json::array({first, second});
    CHECK_THAT(refusal(json),
               Catch::Contains("added_tokens[1]: field 'content': '▁x' is the same as another"));
  }
  second["normalized"] = false;
  json["added_tokens"] = Json::array({first, second});
  CHECK(made(json).encode("a xb▁x") == Ids{2, 5, 4, 6});
}

TEST_CASE("a prefix at the input's beginning is refused where the normalizer may move that") {
  Json json = two_marks();
  json["pre_tokenizer"] = {
      {"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", "first"}, {"split", false}};
  const auto replace = [&](const char* pattern, const char* content) {
    json["normalizer"] = {
        {"type", "Replace"}, {"pattern", {{"String", pattern}}}, {"content", content}};
    return refusal(json);
  };
  CHECK_THAT(replace("``", "a"), Catch::Contains("prepend_scheme 'first'"));
  CHECK_THAT(replace("b", ""), Catch::Contains("prepend_scheme 'first'"));
  CHECK(replace("é", "aa") == "nothing was thrown");
  CHECK(made(json).encode("éb") == Ids{3, 2, 4});
  json["pre_tokenizer"]["prepend_scheme"] = "always";
  CHECK(replace("``", "a") == "nothing was thrown");
}

TEST_CASE("an added token of more than 4 KiB is refused by name, behind the normalizer too") {
  Json json = two_marks();
  const auto with = [&](const std::string& content) {
    Json token = added_token(content.c_str(), 5);
    token["normalized"] = true;
    json["added_tokens"] = Json::array({token});
    return refusal(json);
  };
  CHECK(with(std::string(4096, 'x')) == "nothing was thrown");
  CHECK_THAT(with(std::string(4097, 'x')),
             Catch::Contains("added_tokens[0]: field 'content': 'xxx") &&
                 Catch::Contains("has 4097 bytes; an added token may have 4096"));
  CHECK_THAT(with(std::string(2000, ' ')), Catch::Contains("has 6000 bytes"));
}

TEST_CASE("an added token of white space that another one took has no id") {
  Json json = two_marks();
  Json taker = added_token("<r>", 5), space = added_token("\t", 6);
  taker["rstrip"] = true;
  taker["normalized"] = false;
  space["normalized"] = false;
  json["added_tokens"] = Json::array({taker, space});
  CHECK(made(json).encode("a<r>\tb") == Ids{2, 5, 6, 4});
  CHECK(made(json).encode("a<r> \t b") == Ids{2, 5, 6, 0, 4});
  json["added_tokens"][1]["lstrip"] = true;
  CHECK(made(json).encode("a<r>\tb") == Ids{2, 5, 4});
  CHECK(made(json).encode("a<r>\t") == Ids{2, 5});
  json["added_tokens"][1]["rstrip"] = true;
  CHECK(made(json).encode("<r> \t \t b") == Ids{5, 4});
  CHECK(made(json).encode("\t<r>\t\tb") == Ids{6, 5, 4});
}

}  // namespace rankscope
