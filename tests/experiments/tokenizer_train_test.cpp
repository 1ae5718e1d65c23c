// `tokenizer train` as a user runs it.
#include <catch2/catch.hpp>

#include "common/jsonl.h"
#include "tests/datasets/test_files.h"
#include "tests/experiments/program.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

const std::filesystem::path kTrained =
    std::filesystem::path(RANKSCOPE_SOURCE_DIR) / "tests/reference/tokenizers/trained";

}  // namespace

TEST_CASE("tokenizer train writes Hugging Face's vocabulary, which tokenize reads") {
  const TemporaryFolder folder;
  std::vector<Json> texts;
  LineReader lines(kTrained / "text.txt");
  for (std::string_view line; lines.next(line);) texts.emplace_back(line);
  const std::string file = put(folder / "texts.jsonl", to_lines(texts)).string();
  for (const std::string pattern : {"gpt2", "llama3", "qwen2"}) {
    INFO(pattern);
    const std::string out = (folder / pattern).string();
    const std::vector<Json> printed =
        json_lines(run_program({"tokenizer", "train", "--json", "--jsonl", "--data", file,
                                "--vocab", "900", "--min-count", "1", "--special", "<|endoftext|>",
                                "--special", "<|pad|>", "--pattern", pattern, "--out", out}));
    const Json expected = read_json_file(kTrained / (pattern + ".json")).at("vocab");
    CHECK(printed == std::vector<Json>{{{"ids", expected.size()}}});
    CHECK(read_json_file(folder / pattern / "tokenizer.json").at("model").at("vocab") == expected);
    const ProgramResult ids = run_program({"tokenize", "--jsonl", "--model", out, file});
    REQUIRE(json_lines(ids).size() == texts.size());
    const std::string ids_file = put(folder / "ids.jsonl", ids.out).string();
    CHECK(json_lines(run_program({"tokenize", "--decode", "--model", out, ids_file})) == texts);
  }
}

TEST_CASE("tokenizer train takes a special token in brackets as it is, and files one by one") {
  const TemporaryFolder folder;
  const std::string text = (kTrained / "text.txt").string();
  const std::vector<std::string> words{
      "tokenizer", "train",  "--vocab", "400",   "--data",
      text,        "--data", text,      "--out", (folder / "out").string()};
  REQUIRE(run_with(words, {"--special", "[PAD]", "--special", "[a,b]"}).exit_code == 0);
  const Json vocabulary = read_json_file(folder / "out" / "tokenizer.json").at("model").at("vocab");
  CHECK(vocabulary.at("[PAD]") == 0);
  CHECK(vocabulary.at("[a,b]") == 1);
  CHECK_FALSE(vocabulary.contains("PAD"));
  check_refused(run_with(words, {"--special", "<a>", "<b>"}), "not expected: <b>");
}

TEST_CASE("tokenizer train refuses what it cannot do, and writes nothing") {
  const TemporaryFolder folder;
  const std::string text = (kTrained / "text.txt").string();
  const auto refuse = [&](const std::string& file, const std::vector<std::string>& more,
                          const std::string& expected) {
    check_refused(
        run_with({"tokenizer", "train", "--data", file, "--out", (folder / "out").string()}, more),
        expected);
    CHECK_FALSE(std::filesystem::exists(folder / "out"));
  };
  refuse(text, {}, "--vocab is required");
  refuse(text, {"--vocab", "100"}, "--vocab");
  refuse(text, {"--vocab", "1048577"}, "--vocab: must be a whole number from 257 to 1048576");
  refuse(text, {"--vocab", "400", "--pattern", "gtp2"}, "known are gpt2, llama3, qwen2");
  refuse("nowhere.txt", {"--vocab", "400"}, "'nowhere.txt'");
  refuse(text, {"--vocab", "400", "--jsonl"}, "text.txt:1:");
  for (const char* nothing : {"", "\n\r\n"}) {
    const std::string empty = put(folder / "empty.txt", nothing).string();
    refuse(empty, {"--vocab", "400"}, "--data: there is no text in " + empty);
  }
  refuse(put(folder / "empty.jsonl", "\"\"\n").string(), {"--vocab", "400", "--jsonl"},
         "--data: there is no text in ");
}

TEST_CASE("tokenizer train says where fewer ids come out than were asked for") {
  const TemporaryFolder folder;
  const std::string text = put(folder / "text.txt", "ab ab ac\n").string();
  const auto train = [&](const char* out, const char* vocab, const char* count) {
    return run_program({"tokenizer", "train", "--data", text, "--vocab", vocab, "--min-count",
                        count, "--out", (folder / out).string()});
  };
  // <|endoftext|>, the bytes, and of the pairs "ab" alone twice.
  const ProgramResult few = train("few", "300", "2");
  CHECK_THAT(few.out, Catch::EndsWith(": 258 ids\n"));
  CHECK_THAT(few.err, Catch::Contains("258 ids came out of 300 asked for: no other pair of tokens "
                                      "stands in the text 2 times"));
  CHECK_THAT(train("once", "300", "1").err, Catch::Contains("stands in the text once"));
  const ProgramResult all = train("all", "258", "2");
  CHECK_THAT(all.out, Catch::EndsWith(": 258 ids\n"));
  CHECK(all.err.empty());
}

TEST_CASE("tokenizer train counts the lines that are no UTF-8") {
  const TemporaryFolder folder;
  const std::string text = put(folder / "latin.txt",
                               "\xfc"
                               "ber\ngut\nm\xf6glich\n")
                               .string();
  const ProgramResult result = run_program(
      {"tokenizer", "train", "--data", text, "--vocab", "258", "--out", (folder / "out").string()});
  INFO(result.err);
  CHECK(result.exit_code == 0);
  CHECK_THAT(result.err,
             Catch::Contains("latin.txt: 2 lines hold bytes that are no UTF-8, read as U+FFFD"));
}

TEST_CASE("tokenizer train leaves a model's tokenizer as it is") {
  const TemporaryFolder folder;
  put(folder / "tokenizer.json", "the model's");
  check_refused(run_program({"tokenizer", "train", "--data", (kTrained / "text.txt").string(),
                             "--vocab", "400", "--out", folder.path().string()}),
                "tokenizer.json' exists; give another --out folder");
  CHECK(read_bytes(folder / "tokenizer.json") == "the model's");
}
