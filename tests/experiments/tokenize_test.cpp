// `tokenize` as a user runs it.
#include <catch2/catch.hpp>

#include "common/json.h"
#include "tests/datasets/test_files.h"
#include "tests/experiments/program.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

const std::string kModel =
    (std::filesystem::path(RANKSCOPE_SOURCE_DIR) / "tests/reference/tokenizers/llama2").string();

ProgramResult tokenize(const std::vector<std::string>& options, std::string_view text,
                       const std::string& model = kModel) {
  const TemporaryFolder folder;
  std::vector<std::string> arguments{"tokenize", "--model", model};
  arguments.insert(arguments.end(), options.begin(), options.end());
  arguments.push_back(put(folder / "in.txt", text).string());
  return run_program(arguments);
}

std::vector<std::string> lines(const std::vector<std::string>& options, std::string_view text) {
  const ProgramResult result = tokenize(options, text);
  CAPTURE(result.err);
  REQUIRE(result.exit_code == 0);
  CHECK(result.err.empty());
  return result.out_lines();
}

// The lines before may have been printed.
void check_stopped(const ProgramResult& result, const std::string& expected) {
  CAPTURE(expected, result.err);
  CHECK(result.exit_code == 2);
  CHECK(result.err_lines().size() == 1);
  CHECK_THAT(result.err, Catch::Contains(expected));
}

}  // namespace

TEST_CASE("tokenize prints an array of ids a line, and decode gives the text back") {
  const Json cases = read_json_file(std::filesystem::path(kModel) / "cases.json");
  std::string jsonl, ids;
  for (std::size_t i = 0; i < cases.at("texts").size(); ++i) {
    jsonl += cases.at("texts")[i].dump() + "\n";
    ids += cases.at("ids")[i].dump() + "\n";
  }
  const std::vector<std::string> encoded = lines({"--jsonl", "--json"}, jsonl);
  const std::vector<std::string> bare = lines({"--jsonl", "--no-special-tokens"}, jsonl);
  const std::vector<std::string> decoded = lines({"--decode"}, ids);
  const std::vector<std::string> skipped = lines({"--decode", "--skip-special-tokens"}, ids);
  REQUIRE(encoded.size() == cases.at("texts").size());
  REQUIRE(bare.size() == encoded.size());
  REQUIRE(decoded.size() == encoded.size());
  REQUIRE(skipped.size() == encoded.size());
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    CAPTURE(cases.at("texts")[i].dump());
    CHECK(Json::parse(encoded[i]) == cases.at("ids")[i]);
    CHECK(Json::parse(bare[i]) == cases.at("bare")[i]);
    CHECK(Json::parse(decoded[i]) == cases.at("decoded")[i]);
    CHECK(Json::parse(skipped[i]) == cases.at("skipped")[i]);
  }
}

TEST_CASE("tokenize bears every line: marks, line ends, a missing end, no UTF-8, a megabyte") {
  const std::string ab = lines({}, "ab").at(0);
  CHECK(lines({},
              "\xef\xbb\xbf"
              "ab\r\n\r\nab") == std::vector<std::string>{ab, lines({}, "\n").at(0), ab});
  CHECK(lines({}, "").empty());
  const ProgramResult latin = tokenize({}, "a\xffz");
  CHECK(latin.exit_code == 0);
  CHECK(latin.out_lines() == lines({}, "a\xef\xbf\xbdz"));
  CHECK_THAT(latin.err, Catch::StartsWith("warning: "));
  CHECK_THAT(latin.err,
             Catch::Contains("in.txt: 1 line holds bytes that are no UTF-8, read as U+FFFD"));
  CHECK_THAT(tokenize({}, "a\xffz\nb\n\xfc\xe4\n").err,
             Catch::Contains("in.txt: 2 lines hold bytes that are no UTF-8, read as U+FFFD"));
  const std::string megabyte(std::size_t{1} << 20, 'a');
  const Json long_line = Json::parse(lines({}, megabyte).at(0));
  CHECK(Json::parse(lines({"--decode", "--skip-special-tokens"}, long_line.dump()).at(0)) ==
        megabyte);
}

TEST_CASE("tokenize refuses lines that are not what the options say") {
  check_stopped(tokenize({"--jsonl"}, "\"a\"\n\"b\n"), "in.txt:2:3: syntax error");
  check_stopped(tokenize({"--jsonl"}, "5"), "in.txt:1: must be a JSON string, not 5");
  check_stopped(tokenize({"--jsonl"}, "\"\\ud800\""), "surrogate");
  check_stopped(tokenize({"--jsonl"}, "\"\xff\""), "ill-formed UTF-8");
  check_stopped(tokenize({"--decode"}, "[1]\n[1,99999]"), "in.txt:2: 99999 is no id");
  check_stopped(tokenize({"--decode"}, "[-1]"), "in.txt:1: -1 is no id");
  check_stopped(tokenize({"--decode"}, "[\"a\"]"), "in.txt:1: \"a\" is no id");
  check_stopped(tokenize({"--decode"}, "7"), "in.txt:1: must be a JSON array of ids, not 7");
  check_stopped(tokenize({"--decode", "--jsonl"}, "[1]"), "excludes");
  check_stopped(run_program({"tokenize", "--model", kModel, "nowhere.txt"}), "'nowhere.txt'");
}

TEST_CASE("tokenize refuses a tokenizer file that is damaged or not supported, by field") {
  const TemporaryFolder folder;
  check_stopped(tokenize({}, "a", folder.path().string()), "holds neither tokenizer.json nor");
  for (const auto& [text, expected] : std::vector<std::pair<std::string, std::string>>{
           {"", "tokenizer.json:1:1: syntax error"},
           {"{", "tokenizer.json:1:2: syntax error"},
           {"{}", "field 'model': is missing"},
           {R"({"model": {"type": "Unigram", "vocab": []}})", "'model.type': is 'Unigram'"},
           {R"({"normalizer": {"type": "NFKC"}, "model": {}})", "'normalizer.type': is 'NFKC'"},
           {R"({"model": {"vocab": {"a": -1}, "merges": []}})", "token 'a': its id must be"},
           {R"({"model": {"vocab": {"a": 0}, "merges": ["a b"]}})", "'model.merges[0]': 'b'"}}) {
    put(folder / "tokenizer.json", text);
    check_stopped(tokenize({}, "a", folder.path().string()), expected);
  }
}
