// What tokenizer files may not say, and properties that no golden shows.
#include <catch2/catch.hpp>

#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "common/error.h"
#include "common/files.h"
#include "common/json.h"
#include "common/utf8.h"
#include "datasets/tokenizer/bpe_trainer.h"
#include "datasets/tokenizer/nfc.h"
#include "datasets/tokenizer/tokenizer.h"
#include "tests/error_text.h"
#include "tests/shared_files.h"
#include "tests/skip.h"
#include "tests/temporary_folder.h"

namespace rankscope {
namespace {

using tests::error_text;

const std::filesystem::path kFolder =
    std::filesystem::path(RANKSCOPE_SOURCE_DIR) / "tests/reference/tokenizers";

Json read_kind(const std::string& name) {
  return read_json_file(kFolder / name / "tokenizer.json");
}

std::string tokenizer_refusal(const std::string& kind, const std::function<void(Json&)>& change) {
  Json json = read_kind(kind);
  change(json);
  return error_text<InputError>([&] { Tokenizer::parse(json.dump(), "t.json"); });
}

TEST_CASE("what a tokenizer file asks for and is not supported is refused by name") {
  using Catch::Contains;
  const Json lowercase = {{"type", "Lowercase"}};
  CHECK_THAT(tokenizer_refusal("gpt2", [&](Json& t) { t["normalizer"] = lowercase; }),
             Contains("t.json: field 'normalizer.type': is 'Lowercase'") && Contains("NFC"));
  CHECK_THAT(
      tokenizer_refusal("llama2", [&](Json& t) { t["normalizer"]["normalizers"][1] = lowercase; }),
      Contains("normalizers[1]") && Contains("Lowercase"));
  CHECK_THAT(tokenizer_refusal("llama2",
                               [](Json& t) {
                                 t["normalizer"]["normalizers"][1]["pattern"] = {{"Regex", " +"}};
                               }),
             Contains("pattern.Regex") && Contains("not supported"));
  CHECK_THAT(tokenizer_refusal("gpt2",
                               [](Json& t) {
                                 t["pre_tokenizer"] = {{"type", "Whitespace"}};
                               }),
             Contains("'pre_tokenizer.type'") && Contains("Whitespace"));
  CHECK_THAT(
      tokenizer_refusal(
          "llama3",
          [](Json& t) { t["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = R"(\w+)"; }),
      Contains("pattern.Regex") && Contains("Llama 3"));
  CHECK_THAT(
      tokenizer_refusal(
          "llama3", [](Json& t) { t["pre_tokenizer"]["pretokenizers"][1]["use_regex"] = true; }),
      Contains("use_regex"));
  CHECK_THAT(tokenizer_refusal("gpt2", [](Json& t) { t["model"]["type"] = "Unigram"; }),
             Contains("'model.type'") && Contains("Unigram"));
  CHECK_THAT(tokenizer_refusal("gpt2", [](Json& t) { t["model"]["dropout"] = 0.1; }),
             Contains("dropout"));
  CHECK_THAT(tokenizer_refusal("gpt2", [](Json& t) { t["model"]["end_of_word_suffix"] = "</w>"; }),
             Contains("end_of_word_suffix"));
  CHECK_THAT(tokenizer_refusal("gpt2", [](Json& t) { t["model"]["byte_fallback"] = true; }),
             Contains("byte_fallback"));
  CHECK_THAT(tokenizer_refusal("gpt2", [](Json& t) { t["model"]["max_input_chars_per_word"] = 9; }),
             Contains("max_input_chars_per_word"));
  CHECK_THAT(tokenizer_refusal("gpt2",
                               [](Json& t) {
                                 t["decoder"] = {{"type", "WordPiece"}};
                               }),
             Contains("'decoder.type'") && Contains("WordPiece"));
  CHECK_THAT(tokenizer_refusal("gpt2",
                               [](Json& t) {
                                 t["post_processor"] = {{"type", "BertProcessing"}};
                               }),
             Contains("'post_processor.type'") && Contains("BertProcessing"));
  CHECK_THAT(tokenizer_refusal("gpt2",
                               [](Json& t) {
                                 t["truncation"] = {{"max_length", 8}};
                               }),
             Contains("'truncation'") && Contains("null"));
  CHECK_THAT(tokenizer_refusal("gpt2", [](Json& t) { t["extra"] = 1; }), Contains("'extra'"));
}

TEST_CASE("tokenizer files that contradict themselves are refused") {
  using Catch::Contains;
  CHECK_THAT(tokenizer_refusal("gpt2", [](Json& t) { t["model"]["vocab"]["!!!!"] = 5; }),
             Contains("'!!!!'") && Contains("id 5 is also"));
  CHECK_THAT(tokenizer_refusal("gpt2", [](Json& t) { t["model"]["vocab"]["x1"] = -1; }),
             Contains("'x1'"));
  CHECK_THAT(tokenizer_refusal("gpt2", [](Json& t) { t["model"]["vocab"]["x1"] = 1000000000; }),
             Contains("'x1'"));
  CHECK_THAT(tokenizer_refusal("gpt2", [](Json& t) { t["model"]["vocab"]["x1"] = 1.5; }),
             Contains("'x1'"));
  CHECK_THAT(tokenizer_refusal("gpt2", [](Json& t) { t["model"]["vocab"] = Json::array(); }),
             Contains("model.vocab"));
  CHECK_THAT(
      tokenizer_refusal("gpt2", [](Json& t) { t["model"]["merges"][3] = "nowhere tobefound"; }),
      Contains("model.merges[3]") && Contains("'nowhere' is not in the vocabulary"));
  CHECK_THAT(tokenizer_refusal("gpt2", [](Json& t) { t["model"]["merges"][3] = "a b c"; }),
             Contains("model.merges[3]"));
  CHECK_THAT(tokenizer_refusal("gpt2", [](Json& t) { t["model"]["merges"][3] = 7; }),
             Contains("model.merges[3]"));
  CHECK_THAT(tokenizer_refusal("llama2", [](Json& t) { t["model"]["unk_token"] = "<none>"; }),
             Contains("unk_token") && Contains("<none>"));
  CHECK_THAT(tokenizer_refusal("llama2", [](Json& t) { t["added_tokens"][1]["id"] = 2; }),
             Contains("added_tokens[1]") && Contains("the vocabulary has it as 1"));
  CHECK_THAT(tokenizer_refusal("qwen2", [](Json& t) { t["added_tokens"][1]["id"] = 7; }),
             Contains("added_tokens[1]") && Contains("also another token's"));
  CHECK_THAT(tokenizer_refusal("qwen2",
                               [](Json& t) { t["added_tokens"][1]["content"] = "<|endoftext|>"; }),
             Contains("added_tokens[1]") && Contains("twice"));
  CHECK_THAT(tokenizer_refusal("qwen2", [](Json& t) { t["added_tokens"][1]["content"] = ""; }),
             Contains("added_tokens[1]"));
  CHECK_THAT(tokenizer_refusal(
                 "llama2",
                 [](Json& t) { t["post_processor"]["special_tokens"]["<s>"]["ids"] = {100000}; }),
             Contains("100000"));
  CHECK_THAT(
      tokenizer_refusal("llama2", [](Json& t) { t["post_processor"]["single"].erase(size_t{1}); }),
      Contains("sequence A"));
}

// It gives added tokens the next ids whatever the file says, and has its own way with the rest.
TEST_CASE("what Hugging Face's tokenizers would read otherwise than the file says is refused") {
  using Catch::Contains;
  CHECK_THAT(tokenizer_refusal("qwen2", [](Json& t) { t["added_tokens"][4]["id"] = 610; }),
             Contains("added_tokens[4]") && Contains("'<tool>' is 610, which leaves a gap") &&
                 Contains("the next free one is 603"));
  CHECK_THAT(tokenizer_refusal("qwen2",
                               [](Json& t) {
                                 std::swap(t["added_tokens"][1]["id"], t["added_tokens"][2]["id"]);
                               }),
             Contains("added_tokens[1]") && Contains("the next free one is 600"));
  CHECK_THAT(tokenizer_refusal("llama3",
                               [](Json& t) {
                                 Json& processors = t["post_processor"]["processors"];
                                 const Json again = processors[1];
                                 processors.push_back(again);
                               }),
             Contains("processors[2]") && Contains("is a second TemplateProcessing"));
  const auto metaspace = [](const char* scheme) {
    return tokenizer_refusal("metaspace", [&](Json& t) {
      t["pre_tokenizer"]["add_prefix_space"] = false;
      t["pre_tokenizer"]["prepend_scheme"] = scheme;
    });
  };
  CHECK_THAT(metaspace("always"), Contains("'pre_tokenizer.add_prefix_space'") &&
                                      Contains("but prepend_scheme is 'always'"));
  CHECK_THAT(metaspace("first"), Contains("but prepend_scheme is 'first'"));
  CHECK(metaspace("never") == "nothing was thrown");
}

TEST_CASE("an empty sequence of decoders joins tokens, and no decoder puts spaces between them") {
  Json json = read_kind("gpt2");
  const std::string text = "qzxwvk";
  const std::vector<int32_t> ids = Tokenizer::parse(json.dump(), "t.json").encode(text);
  REQUIRE(ids.size() > 1);
  json["decoder"] = {{"type", "Sequence"}, {"decoders", Json::array()}};
  CHECK(Tokenizer::parse(json.dump(), "t.json").decode(ids) == text);
  json["decoder"] = nullptr;
  CHECK_THAT(Tokenizer::parse(json.dump(), "t.json").decode(ids), Catch::Contains(" "));
}

TEST_CASE("replacements that multiply are stopped") {
  Json json = read_kind("llama2");
  const Json step = {
      {"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "aaaaaaaaaa"}};
  json["normalizer"] = {{"type", "Sequence"}, {"normalizers", Json::array()}};
  json["decoder"] = {{"type", "Sequence"}, {"decoders", Json::array()}};
  const std::vector<int32_t> ids = Tokenizer::parse(json.dump(), "t.json").encode("aaa");
  for (int i = 0; i < 12; ++i) {
    json["normalizer"]["normalizers"].push_back(step);
    json["decoder"]["decoders"].push_back(step);
  }
  const Tokenizer tokenizer = Tokenizer::parse(json.dump(), "t.json");
  CHECK_THAT(error_text<InputError>([&] { tokenizer.encode("a"); }),
             Catch::Contains("replacements"));
  CHECK_THAT(error_text<InputError>([&] { tokenizer.decode(ids); }),
             Catch::Contains("replacements"));
  CHECK_FALSE(tokenizer.encode("none of it in this").empty());
}

TEST_CASE("a prefix that makes a text grow beyond its limit is refused") {
  Json json = read_kind("llama2");
  json["normalizer"] = {{"type", "Prepend"}, {"prepend", std::string(size_t{2} << 20, 'a')}};
  const Tokenizer tokenizer = Tokenizer::parse(json.dump(), "t.json");
  CHECK_THAT(error_text<InputError>([&] { tokenizer.encode("a"); }),
             Catch::Contains("the tokenizer's Prepend makes a text longer than the 1048640 bytes"));
}

TEST_CASE("vocab.json with merges.txt is read as GPT-2's") {
  const tests::TemporaryFolder folder;
  const Json json = read_kind("gpt2");
  std::string merges = "#version: 0.2\r\n";
  for (const Json& pair : json["model"]["merges"])
    merges += pair[0].get<std::string>() + " " + pair[1].get<std::string>() + "\r\n";
  write_file_atomically(folder / "vocab.json", json["model"]["vocab"].dump());
  write_file_atomically(folder / "merges.txt", merges);
  const Tokenizer tokenizer = Tokenizer::load(folder.path());
  const Json cases = read_json_file(kFolder / "gpt2" / "cases.json");
  for (size_t i = 0; i < cases["texts"].size(); ++i)
    CHECK(Json(tokenizer.encode(cases["texts"][i].get<std::string>())) == cases["ids"][i]);

  write_file_atomically(folder / "merges.txt", "#version: 0.2\na b c\n");
  CHECK_THAT(error_text<InputError>([&] { Tokenizer::load(folder.path()); }),
             Catch::Contains("merges.txt:2: 'a b c'"));
  const tests::TemporaryFolder empty;
  CHECK_THAT(error_text<InputError>([&] { Tokenizer::load(empty.path()); }),
             Catch::Contains("neither tokenizer.json nor vocab.json"));
}

TEST_CASE("a folder without tokenizer.json that is not GPT-2's is refused") {
  const tests::TemporaryFolder folder;
  write_file_atomically(folder / "vocab.json", R"({"a": 0, "b": 1, "ab": 2})");
  write_file_atomically(folder / "merges.txt", "a b\n");
  const auto refusal = [&] {
    return error_text<InputError>([&] { Tokenizer::load(folder.path()); });
  };
  write_file_atomically(folder / "config.json", R"({"model_type": "gpt2", "n_ctx": 8})");
  for (const char* kind : {"GPT2Tokenizer", "GPT2TokenizerFast"}) {
    write_file_atomically(folder / "tokenizer_config.json",
                          Json{{"tokenizer_class", kind}, {"pad_token", nullptr}}.dump());
    CHECK(Tokenizer::load(folder.path()).encode("ab") == std::vector<int32_t>{2});
  }
  write_file_atomically(folder / "config.json", R"({"model_type": "qwen2"})");
  CHECK_THAT(refusal(), Catch::Contains("/config.json: field 'model_type': is 'qwen2'") &&
                            Catch::Contains("convert the folder to tokenizer.json"));
  write_file_atomically(folder / "tokenizer_config.json",
                        R"({"tokenizer_class": "Qwen2Tokenizer"})");
  CHECK_THAT(refusal(), Catch::Contains(
                            "tokenizer_config.json: field 'tokenizer_class': is 'Qwen2Tokenizer'"));
  std::filesystem::remove(folder / "config.json");
  CHECK_THAT(refusal(), Catch::Contains("'Qwen2Tokenizer'"));
  std::filesystem::remove(folder / "tokenizer_config.json");
  CHECK(Tokenizer::load(folder.path()).id_count() == 3);

  std::filesystem::create_symlink("nowhere", folder / "tokenizer.json");
  CHECK_THAT(refusal(), Catch::Contains("tokenizer.json: is a link to a file that is not there"));
}

// What transformers does with each of these settings changes ids, or does not.
TEST_CASE("settings beside vocab.json that would change GPT-2's ids are refused") {
  const std::string of_gpt2 = R"("<|endoftext|>")";
  const std::string described =
      R"({"content": "<|endoftext|>", "lstrip": false, "normalized": true, "rstrip": false,
          "single_word": false})";
  for (const char* name : {"tokenizer_config.json", "special_tokens_map.json"}) {
    const tests::TemporaryFolder folder;
    write_file_atomically(folder / "vocab.json", R"({"a": 0, "b": 1, "ab": 2, "<s>": 3})");
    write_file_atomically(folder / "merges.txt", "a b\n");
    for (const std::string& harmless :
         {std::string(R"({"model_max_length": 1024})"),
          R"({"bos_token": )" + of_gpt2 + R"(, "eos_token": )" + of_gpt2 + R"(, "unk_token": )" +
              of_gpt2 + "}",
          R"({"bos_token": )" + described + R"(, "pad_token": null, "add_bos_token": false,
              "add_prefix_space": false, "errors": "replace"})",
          R"({"added_tokens_decoder": {"3": )" + described +
              R"(}, "additional_special_tokens": [], "extra_special_tokens": {}})"}) {
      INFO(name << " " << harmless);
      write_file_atomically(folder / name, harmless);
      CHECK(Tokenizer::load(folder.path()).encode("ab") == std::vector<int32_t>{2});
    }
    for (const auto& [settings, refusal] : std::vector<std::pair<std::string, std::string>>{
             {R"({"add_prefix_space": true})", "'add_prefix_space': is true, but "},
             {R"({"add_bos_token": true})", "'add_bos_token': is true, but "},
             {R"({"add_eos_token": true})", "'add_eos_token': is true, but "},
             {R"({"split_special_tokens": true})", "'split_special_tokens': is true, but "},
             {R"({"pad_token": "<s>"})", "'pad_token': is '<s>', but "},
             {R"({"bos_token": {"content": "[BOS]"}})", "'bos_token': is '[BOS]', but "},
             {R"({"eos_token": {"content": "<|endoftext|>", "lstrip": true}})",
              "'eos_token': is '<|endoftext|>' with lstrip, but "},
             {R"({"additional_special_tokens": ["<|endoftext|>", "<s>"]})",
              "'additional_special_tokens': holds '<s>', but "},
             {R"({"extra_special_tokens": {"image_token": "<s>"}})",
              "'extra_special_tokens': holds '<s>', but "},
             {R"({"added_tokens_decoder": {"3": {"content": "<s>", "special": true}}})",
              "'added_tokens_decoder': holds '<s>', but "}}) {
      INFO(name);
      write_file_atomically(folder / name, settings);
      CHECK_THAT(error_text<InputError>([&] { Tokenizer::load(folder.path()); }),
                 Catch::Contains(std::string(name) + ": field " + refusal) &&
                     Catch::Contains("convert the folder to tokenizer.json"));
    }
  }
}

// A text's tokens do not depend on what else the tokenizer has seen, nor on other threads.
TEST_CASE("encoding in several threads gives each text its own ids") {
  const Tokenizer tokenizer = Tokenizer::load(kFolder / "llama2");
  const Json cases = read_json_file(kFolder / "llama2" / "cases.json");
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      for (size_t k = 0; k < cases["texts"].size(); ++k) {
        const size_t i = (k * (2 * t + 1)) % cases["texts"].size();
        const auto text = cases["texts"][i].get<std::string>();
        if (tokenizer.encode(text) != cases["ids"][i].get<std::vector<int32_t>>()) ++wrong[t];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(4, 0));
}

TEST_CASE("long words are merged in time that grows little faster than they") {
  // One word of 200,000 letters; comparing all pairs each time would take minutes.
  const Tokenizer tokenizer = Tokenizer::load(kFolder / "gpt2");
  std::string word;
  for (int i = 0; i < 200000; ++i) word.push_back(static_cast<char>('a' + i % 26 * (i % 26) % 26));
  const std::vector<int32_t> ids = tokenizer.encode(word);
  CHECK(ids.size() < word.size());
  CHECK(tokenizer.decode(ids) == word);
}

// The way without a heap and the way with one must agree: cut at the border between them.
TEST_CASE("short and long words follow the same merges") {
  const Tokenizer tokenizer = Tokenizer::load(kFolder / "gpt2");
  // 31 letters are short, 62 in one word are long; no merge reaches across the q.
  const std::string half = "thethethethethethethethethethe";
  const std::vector<int32_t> alone = tokenizer.encode(half + "q", false);
  std::vector<int32_t> twice = alone;
  twice.insert(twice.end(), alone.begin(), alone.end());
  REQUIRE_FALSE(tokenizer.id_of("qt"));
  REQUIRE_FALSE(tokenizer.id_of("qth"));
  CHECK(tokenizer.encode(half + "q" + half + "q", false) == twice);
}

TEST_CASE("NFC composes, reorders and leaves alone") {
  using tokenizer::nfc;
  CHECK(nfc("plain ascii and é") == "plain ascii and é");
  CHECK(nfc("e\xcc\x81") == "é");
  CHECK(nfc("q\xcc\x87\xcc\xa3") == "q\xcc\xa3\xcc\x87");  // dot above and dot below change places
  CHECK(nfc("\xe2\x84\xab") == "\xc3\x85");                // Angstrom sign
  CHECK(nfc("\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab") == "한");  // conjoining jamo
  CHECK(nfc("\xe0\xa5\x98") == "\xe0\xa4\x95\xe0\xa4\xbc");    // a composition exclusion
  CHECK(nfc("") == "");
}

TEST_CASE("ill-formed UTF-8 becomes one U+FFFD for each maximal part") {
  const std::string r = "\xef\xbf\xbd";
  CHECK(repair_utf8("a\x80z") == "a" + r + "z");
  CHECK(repair_utf8("\xf0\x9f\x91z") == r + "z");
  CHECK(repair_utf8("\xed\xa0\x80") == r + r + r);  // a surrogate
  CHECK(repair_utf8("12345678\xc3") == "12345678" + r);
}

TEST_CASE("the trainer refuses what it cannot do") {
  BpeTrainerSettings settings;
  settings.vocabulary = 256;
  settings.special_tokens = {"<|endoftext|>"};
  CHECK_THAT(error_text<InputError>([&] { BpeTrainer trainer(settings); }),
             Catch::Contains("too small") && Catch::Contains("257"));
  settings.vocabulary = 300;
  settings.special_tokens = {"<a>", "<a>"};
  CHECK_THAT(error_text<InputError>([&] { BpeTrainer trainer(settings); }),
             Catch::Contains("twice"));
  settings.special_tokens = {"a"};
  CHECK_THAT(error_text<InputError>([&] { BpeTrainer trainer(settings); }), Catch::Contains("'a'"));
}

// Ids by Hugging Face tokenizers 0.23.3 for a sentence of our own.
TEST_CASE("the shared tokenizers give Hugging Face's ids") {
  struct Case {
    const char* folder;
    std::vector<int32_t> ids;
  };
  const std::string text = "They'll pay $1,024 for 10 naïve   cats 👍<|endoftext|></s>";
  const Case cases[] = {
      {"gpt2-tokenizer",
       {2990, 1183, 1414, 720, 16, 11, 40839, 329, 838, 41492, 220, 220, 11875, 50169, 235, 50256,
        3556, 82, 29}},
      {"stories3m", {1,    342,  4023, 306,  2537, 3994, 4078, 4059, 4016, 4061, 4063, 4068, 387,
                     3994, 4059, 4061, 297,  3996, 198,  178,  360,  3994, 3994, 3551, 3994, 243,
                     162,  148,  144,  4088, 4090, 367,  3998, 845,  886,  3997, 4090, 4089, 2}},
      {"stories260k", {1,   342, 439, 306, 282, 283, 410, 494, 475, 432, 477, 479, 484, 387, 410,
                       475, 477, 297, 412, 198, 178, 360, 410, 410, 280, 294, 419, 410, 243, 162,
                       148, 144, 504, 506, 367, 414, 431, 413, 411, 444, 413, 506, 505, 2}},
  };
  bool all_there = true;
  for (const Case& c : cases) {
    const auto folder = tests::shared_file(std::string("models/") + c.folder);
    if (folder)
      CHECK(Tokenizer::load(*folder).encode(text) == c.ids);
    else
      all_there = false;
  }
  // What was there has been checked.
  if (!all_there) RANKSCOPE_SKIP("not all of models/* in RANKSCOPE_SHARED");
}

}  // namespace
}  // namespace rankscope
