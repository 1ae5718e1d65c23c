// `render` as a user runs it.
#include <catch2/catch.hpp>

#include "common/json.h"
#include "tests/datasets/test_files.h"
#include "tests/experiments/program.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

std::vector<Json> rendered(const std::string& task, const std::string& file,
                           const std::vector<std::string>& more = {}) {
  return json_lines(
      run_with({"render", task, "--json", "--references", data_file(file).string()}, more));
}

std::string refusal(const std::vector<std::string>& arguments) {
  const ProgramResult result = run_program(arguments);
  CHECK(result.exit_code == 2);
  CHECK(result.err_lines().size() == 1);
  CHECK(result.out.empty());
  return result.err;
}

}  // namespace

TEST_CASE("render prints id, prompt and target, and choices where there are some") {
  const std::vector<Json> chats = rendered("samsum", "samsum/val.jsonl");
  REQUIRE(chats.size() == 2);
  CHECK(
      chats[0] ==
      Json({{"id", "911"}, {"prompt", "Mo: hi\nNa: hello\n\n"}, {"target", " Mo and Na greet."}}));
  CHECK(chats[1].at("id") == "912");

  const std::vector<Json> pairs = rendered("mnli", "mnli/reduced.jsonl");
  REQUIRE(pairs.size() == 2);
  CHECK(pairs[0].at("target") == " true");
  CHECK(pairs[0].at("choices") == Json({" true", " neither", " false"}));
  CHECK(pairs[1].at("id") == "reduced:3");

  const std::vector<Json> own = rendered("own", "own/train.jsonl");
  REQUIRE(own.size() == 3);
  CHECK(own[0].at("choices") == Json({" 3", " 4"}));
  CHECK_FALSE(own[1].contains("choices"));
}

TEST_CASE("render reads standard input as a file of the same bytes") {
  for (const auto& [task, file] : std::vector<std::pair<std::string, std::string>>{
           {"samsum", "samsum/val.jsonl"}, {"own", "own/train.jsonl"}}) {
    INFO(task);
    const ProgramResult streamed =
        run_program({"render", task, "--references", "-"}, {.in_file = data_file(file)});
    std::vector<Json> lines = json_lines(streamed), of_file = rendered(task, file);
    // An id that the file does not give begins with the file's name.
    for (std::vector<Json>* some : {&lines, &of_file})
      for (Json& line : *some) line.erase("id");
    CHECK(lines == of_file);
  }
}

TEST_CASE("a number with a leading zero is decimal") {
  const TemporaryFolder folder;
  std::vector<Json> lines;
  for (int i = 0; i < 12; ++i) lines.push_back({{"prompt", "a"}, {"target", " b"}});
  const std::string file = put(folder / "own.jsonl", to_lines(lines)).string();
  const auto count = [&](const std::string& limit) {
    return json_lines(run_program({"render", "own", "--references", file, "--limit", limit}))
        .size();
  };
  CHECK(count("010") == 10);
  CHECK(count("09") == 9);
  CHECK(count("00") == 12);
}

TEST_CASE("render takes tables, another template, a limit and files without answers") {
  const std::vector<Json> questions =
      rendered("wikisql", "wikisql/dev.jsonl",
               {"--tables", data_file("wikisql/headers.tables.jsonl").string(), "--limit", "1",
                "--set", "prompt={question} ({columns})"});
  REQUIRE(questions.size() == 1);
  CHECK(questions[0].at("prompt") == "How deep is Long Tarn? (lake, depth (m), area, visited, by)");

  const std::vector<Json> pairs =
      rendered("mnli", "mnli/test_matched.tsv", {"--set", "verbalisers=yes,maybe,no"});
  REQUIRE(pairs.size() == 1);
  CHECK(pairs[0].at("target").is_null());
  CHECK(pairs[0].at("choices") == Json({" yes", " maybe", " no"}));
}

TEST_CASE("render refuses what it does not know") {
  const std::string pairs = data_file("mnli/reduced.jsonl").string();
  CHECK_THAT(refusal({"render", "mlni", "--references", pairs}),
             Catch::Contains("did you mean 'mnli'?"));
  CHECK_THAT(refusal({"render", "mnli", "--references", pairs, "--tables", pairs}),
             Catch::Contains("--tables: mnli has no tables"));
  CHECK_THAT(refusal({"render", "mnli", "--references", pairs, "--limit", "-1"}),
             Catch::Contains("must be a whole number from 0"));
  CHECK_THAT(refusal({"render", "mnli", "--references", pairs, "--set", "promt=x"}),
             Catch::Contains("did you mean 'prompt'?"));
  CHECK_THAT(refusal({"render", "samsum", "--references", pairs}),
             Catch::Contains("reduced.jsonl:1: field 'dialogue': is missing"));
}

TEST_CASE("render reads files with odd ends, and names line and field of what is wrong") {
  struct TaskCase {
    std::string task, line, other_line, key;  // `key` is needed and holds "a"
  };
  for (const TaskCase& c : std::vector<TaskCase>{
           {"mnli",
            R"({"pairID": "1", "sentence1": "x", "sentence2": "a", "gold_label": "neutral"})",
            R"({"pairID": "2", "sentence1": "x", "sentence2": "a", "gold_label": "neutral"})",
            "sentence2"},
           {"samsum", R"({"id": "1", "dialogue": "a", "summary": "s"})",
            R"({"id": "2", "dialogue": "a", "summary": "s"})", "dialogue"},
           {"own", R"({"id": "1", "prompt": "a", "target": "t"})",
            R"({"id": "2", "prompt": "a", "target": "t"})", "prompt"}}) {
    CAPTURE(c.task);
    const TemporaryFolder folder;
    const auto arguments = [&](const std::string& text) {
      return std::vector<std::string>{"render", c.task, "--references",
                                      put(folder / "x.jsonl", text).string()};
    };
    const auto with_value = [&](const std::string& value) {
      std::string line = c.other_line;
      return c.line + "\n" + line.replace(line.find("\"a\""), 3, value) + "\n";
    };
    const ProgramResult odd =
        run_program(arguments("\xef\xbb\xbf" + c.line + "\r\n" + c.other_line));
    CHECK(odd.exit_code == 0);
    CHECK(odd.out_lines().size() == 2);
    const std::string megabyte(std::size_t{1} << 20, 'a');
    const ProgramResult large = run_program(arguments(with_value('"' + megabyte + '"')));
    CHECK(large.exit_code == 0);
    CHECK(large.out.size() > megabyte.size());

    const std::string at_field = "x.jsonl:2: field '" + c.key + "': ";
    CHECK_THAT(refusal(arguments(with_value("null"))), Catch::Contains(at_field + "must not be"));
    CHECK_THAT(refusal(arguments(with_value("5"))), Catch::Contains(at_field + "must be a string"));
    CHECK_THAT(refusal(arguments(with_value("\"\xff\""))), Catch::Contains("x.jsonl:2:"));
    CHECK_THAT(refusal(arguments(with_value("\"\\ud800\""))), Catch::Contains("surrogate"));
    std::string missing = with_value("\"a\"");
    missing.replace(missing.rfind(c.key), 1, "X");
    CHECK_THAT(refusal(arguments(missing)), Catch::Contains(at_field + "is missing"));
    CHECK_THAT(refusal(arguments(c.line + "\n" + c.other_line.substr(0, 20))),
               Catch::Contains("x.jsonl:2:21: syntax error"));
    CHECK_THAT(
        refusal(arguments(c.line + "\n" + c.line)),
        Catch::Contains("x.jsonl:2: field '") && Catch::Contains("is also the id of line 1"));
    CHECK_THAT(refusal(arguments("")), Catch::Contains("x.jsonl: is empty"));
  }
}
