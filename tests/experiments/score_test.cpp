// `score` as a user runs it.
#include <SQLiteCpp/SQLiteCpp.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <sstream>

#include "common/files.h"
#include "common/json.h"
#include "tests/experiments/program.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

const std::string kTables =
    R"({"id": "1-1", "header": ["Ship", "Year"], "types": ["text", "real"], )"
    R"("rows": [["Ask", "1998"], ["Embla", "2001"]]})"
    "\n";
const std::string kQuestions =
    R"({"table_id": "1-1", "question": "q", "sql": {"sel": 0, "agg": 0, "conds": [[1, 1, "2000"]]}})"
    "\n"
    R"({"table_id": "1-1", "question": "q", "sql": {"sel": 1, "agg": 3, "conds": []}})"
    "\n";

// The file p.jsonl: a line for each id and its prediction.
std::string prediction_lines(const std::vector<std::pair<Json, std::string>>& predictions) {
  std::string text;
  for (const auto& [id, prediction] : predictions) {
    text += Json({{"id", id}, {"prediction", prediction}}).dump() + "\n";
  }
  return text;
}

class ScoreFolder {
 public:
  ScoreFolder() {
    write("dev.tables.jsonl", kTables);
    write("dev.jsonl", kQuestions);
  }
  void write(const std::string& name, const std::string& text) {
    write_file_atomically(folder_ / name, text);
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  // `score SCORER --json` on p.jsonl and the references.
  ProgramResult score(const std::string& scorer, const std::string& references,
                      const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments{"score",         scorer,          "--json",
                                       "--predictions", path("p.jsonl"), "--references",
                                       path(references)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }

 private:
  TemporaryFolder folder_;
};

}  // namespace

TEST_CASE("score wikisql prints a line an example and the means") {
  ScoreFolder folder;
  folder.write("p.jsonl",
               prediction_lines({{"dev:2", " SELECT COUNT(Ship) FROM table"},
                                 {"dev:1", " SELECT Ship FROM table WHERE Year > 2000"}}));
  std::vector<Json> lines = json_lines(folder.score("wikisql", "dev.jsonl"));
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] == Json::parse(R"({"id": "dev:1", "parsed": true, "logical_form": true,
                                    "execution": true, "exact": true})"));
  CHECK(lines[1] == Json::parse(R"({"id": "dev:2", "parsed": true, "logical_form": false,
                                    "execution": true, "exact": false})"));
  CHECK(lines[2].at("logical_form") == 0.5);
  CHECK(lines[2].at("execution") == 1.0);
  CHECK(lines[2].at("exact") == 0.5);
  CHECK(lines[2].at("standard_error").at("logical_form") == 0.5);
  CHECK(lines[2].at("unparsable") == 0);

  // Headers alone give no execution accuracy, and text that is no query is counted.
  folder.write("heads.jsonl", R"({"id": "1-1", "header": ["Ship", "Year"]})");
  folder.write("p.jsonl",
               prediction_lines({{"dev:1", ""}, {"dev:2", "SELECT COUNT(Year) FROM table"}}));
  lines =
      json_lines(folder.score("wikisql", "dev.jsonl", {"--tables", folder.path("heads.jsonl")}));
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].at("execution").is_null());
  CHECK(lines[2].at("execution").is_null());
  CHECK(lines[2].at("unparsable") == 1);
  CHECK(lines[2].at("logical_form") == 0.5);
}

TEST_CASE("score reads predictions from standard input") {
  ScoreFolder folder;
  folder.write("p.jsonl", prediction_lines({{"dev:1", " SELECT Ship FROM table"}, {"dev:2", "x"}}));
  const ProgramResult of_file = folder.score("wikisql", "dev.jsonl");
  REQUIRE(of_file.exit_code == 0);
  const ProgramResult of_stream = run_program({"score", "wikisql", "--json", "--predictions", "-",
                                               "--references", folder.path("dev.jsonl")},
                                              {.in_file = folder.path("p.jsonl")});
  INFO(of_stream.err);
  CHECK(of_stream.out == of_file.out);
}

TEST_CASE("score wikisql executes in a .db, for tables without rows, and can mind the order") {
  ScoreFolder folder;
  folder.write("heads.jsonl", R"({"id": "1-1", "header": ["Ship", "Year"]})");
  {
    SQLite::Database file(folder.path("dev.db"), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    file.exec("CREATE TABLE table_1_1 (col0 text, col1 real)");
    file.exec("INSERT INTO table_1_1 VALUES ('ask', 1998), ('embla', 2001)");
  }
  folder.write("dev.jsonl", R"({"table_id": "1-1", "question": "q", "sql": {"sel": 0, "agg": 0, )"
                            R"("conds": [[1, 1, 2000], [0, 0, "Embla"]]}})"
                            "\n");
  folder.write("p.jsonl", prediction_lines({{"dev:1",
                                             "SELECT Ship FROM table WHERE Ship = embla AND "
                                             "Year > 2000"}}));
  const std::vector<std::string> more{"--tables", folder.path("heads.jsonl"), "--db",
                                      folder.path("dev.db")};
  std::vector<std::string> ordered = more;
  ordered.push_back("--ordered");
  const Json free = json_lines(folder.score("wikisql", "dev.jsonl", more)).back();
  CHECK(free.at("executed") == 1);
  CHECK(free.at("execution") == 1.0);
  CHECK(free.at("logical_form") == 1.0);
  const Json strict = json_lines(folder.score("wikisql", "dev.jsonl", ordered)).back();
  CHECK(strict.at("execution") == 1.0);
  CHECK(strict.at("logical_form") == 0.0);
  check_refused(
      folder.score("wikisql", "dev.jsonl",
                   {"--tables", folder.path("heads.jsonl"), "--db", folder.path("p.jsonl")}),
      "p.jsonl: file is not a database");
  {
    SQLite::Database other(folder.path("other.db"), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    other.exec("CREATE TABLE table_2_1 (col0 text, col1 real)");
  }
  check_refused(
      folder.score("wikisql", "dev.jsonl",
                   {"--tables", folder.path("heads.jsonl"), "--db", folder.path("other.db")}),
      "dev.jsonl:1: field 'table_id': '1-1' is no table of " + folder.path("other.db"));
}

TEST_CASE("score rouge and accuracy take lines with a reference, and the tasks' own files") {
  ScoreFolder folder;
  folder.write("p.jsonl", prediction_lines({{1, "the cats ran"}, {"2", "yes"}}));
  folder.write("r.jsonl", R"({"id": 1, "reference": "a cat ran"})"
                          "\n"
                          R"({"id": "2", "reference": "yes"})");
  std::vector<Json> lines = json_lines(folder.score("rouge", "r.jsonl"));
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].at("rouge1").at("p") == 1.0 / 3);
  CHECK(lines[2].at("rougeL").at("f") == Approx(2.0 / 3));
  CHECK(lines[2].at("standard_error").at("rouge1").at("f") == Approx(1.0 / 3));
  lines = json_lines(folder.score("rouge", "r.jsonl", {"--stemmer"}));
  CHECK(lines[0].at("rouge1").at("p") == 2.0 / 3);

  lines = json_lines(folder.score("accuracy", "r.jsonl"));
  CHECK(lines[2].at("accuracy") == 0.5);
  CHECK(lines[2].at("standard_error").at("accuracy") == 0.5);

  folder.write("r.jsonl", R"({"id": 1, "references": ["a dog", "the cats ran"]})"
                          "\n"
                          R"({"id": "2", "references": ["no"]})");
  CHECK(json_lines(folder.score("accuracy", "r.jsonl")).back().at("accuracy") == 0.5);
  CHECK(json_lines(folder.score("rouge", "r.jsonl")).at(0).at("rouge1").at("f") == 1.0);
  folder.write("r.jsonl", R"({"id": 1, "references": []})");
  check_refused(folder.score("rouge", "r.jsonl"), "field 'references': must be at least one text");

  folder.write("val.json", R"([{"id": "a", "dialogue": "x: y", "summary": "x says y"}])");
  folder.write("p.jsonl", prediction_lines({{"a", "x says y"}}));
  CHECK(json_lines(folder.score("rouge", "val.json")).back().at("rougeLsum").at("f") == 1.0);

  folder.write("mnli.jsonl",
               R"({"sentence1": "a", "sentence2": "b", "gold_label": "neutral"})"
               "\n"
               R"({"sentence1": "a", "sentence2": "b", "gold_label": "-"})"
               "\n"
               R"({"sentence1": "a", "sentence2": "b", "gold_label": "contradiction"})");
  folder.write("p.jsonl", prediction_lines({{"mnli:1", " neutral"}, {"mnli:3", "neutral"}}));
  lines = json_lines(folder.score("accuracy", "mnli.jsonl"));
  CHECK(lines.back().at("accuracy") == 0.5);
  CHECK(lines.back().at("skipped") == 1);
  CHECK(
      lines.back().at("confusion") ==
      Json::parse(R"({"labels": ["contradiction", "neutral"], "counts": [[0, 1, 0], [0, 1, 0]]})"));
}

TEST_CASE("score takes a file whose entries have a task's own keys for the task's") {
  ScoreFolder folder;
  folder.write("p.jsonl", prediction_lines({{"a", "x says y"}}));
  folder.write("val.json", R"([{"id": "a", "dialogue": "x: y", "summary": "x says y",
                                "reference": "https://example.org/1"}])");
  CHECK(json_lines(folder.score("rouge", "val.json")).at(0).at("rouge1").at("f") == 1.0);
  folder.write("p.jsonl", prediction_lines({{"mnli:1", "true"}}));
  folder.write("mnli.jsonl",
               R"({"id": 1, "reference": "MultiNLI", "prompt": "a", "sentence1": "a",)"
               R"( "sentence2": "b", "gold_label": "entailment"})");
  CHECK(json_lines(folder.score("accuracy", "mnli.jsonl")).back().at("accuracy") == 1.0);
  // A dialogue beside a reference, without a summary, is no entry of SAMSum's.
  folder.write("p.jsonl", prediction_lines({{"a", "yes"}}));
  folder.write("r.jsonl", R"({"id": "a", "dialogue": "x: y", "reference": "yes"})");
  CHECK(json_lines(folder.score("rouge", "r.jsonl")).at(0).at("rouge1").at("f") == 1.0);
}

TEST_CASE("score reads references from a pipe, in every form") {
  ScoreFolder folder;
  const auto score_piped = [&](const std::string& scorer, const std::string& text) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    REQUIRE(::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    ::close(ends[1]);
    const ProgramResult result =
        run_program({"score", scorer, "--json", "--predictions", folder.path("p.jsonl"),
                     "--references", "/dev/fd/" + std::to_string(ends[0])});
    ::close(ends[0]);
    return json_lines(result).back();
  };
  folder.write("p.jsonl", prediction_lines({{"a", "yes"}}));
  CHECK(score_piped("accuracy", R"({"id": "a", "reference": "yes"})").at("accuracy") == 1.0);
  CHECK(score_piped("accuracy", R"([{"id": "a", "reference": "yes"}])").at("accuracy") == 1.0);
  CHECK(score_piped("accuracy", R"({"id": "a", "prompt": "Well?", "target": " yes"})")
            .at("accuracy") == 1.0);
  CHECK(score_piped("rouge", R"([{"id": "a", "dialogue": "x: y", "summary": "yes"}])")
            .at("rouge1")
            .at("f") == 1.0);
}

TEST_CASE("score accuracy reads MNLI's predictions as the template writes the labels") {
  ScoreFolder folder;
  folder.write("mnli.jsonl", R"({"sentence1": "a", "sentence2": "b", "gold_label": "neutral"})"
                             "\n"
                             R"({"sentence1": "a", "sentence2": "b", "gold_label": "entailment"})");
  folder.write("p.jsonl", prediction_lines({{"mnli:1", " neither"}, {"mnli:2", " neither"}}));
  Json means = json_lines(folder.score("accuracy", "mnli.jsonl")).back();
  CHECK(means.at("accuracy") == 0.5);
  CHECK(means.at("confusion") ==
        Json::parse(R"({"labels": ["entailment", "neutral"], "counts": [[0, 1, 0], [0, 1, 0]]})"));

  // The template's words win over the labels' names.
  folder.write("p.jsonl",
               prediction_lines({{"mnli:1", "It is no."}, {"mnli:2", "It is neutral."}}));
  const std::vector<std::string> other{"--set", "verbalisers=neutral,no,yes", "--set",
                                       "target=It is {label}."};
  CHECK(json_lines(folder.score("accuracy", "mnli.jsonl", other)).back().at("accuracy") == 1.0);
  CHECK(json_lines(folder.score("accuracy", "mnli.jsonl")).back().at("accuracy") == 0.0);
}

TEST_CASE("score --set says which template wrote the predictions") {
  ScoreFolder folder;
  folder.write("p.jsonl",
               prediction_lines({{"dev:1", " SQL: SELECT Ship FROM table WHERE Year > 2000"},
                                 {"dev:2", " SQL: SELECT COUNT(Year) FROM table"}}));
  const Json queries =
      json_lines(folder.score("wikisql", "dev.jsonl", {"--set", "target= SQL: {sql}"})).back();
  CHECK(queries.at("logical_form") == 1.0);
  CHECK(queries.at("exact") == 1.0);
  CHECK(queries.at("execution") == 1.0);
  CHECK(json_lines(folder.score("wikisql", "dev.jsonl")).back().at("unparsable") == 2);

  folder.write("val.json", R"([{"id": "a", "dialogue": "x: y", "summary": "x says y"}])");
  folder.write("p.jsonl", prediction_lines({{"a", " Summary: x says y"}}));
  const std::vector<std::string> summary{"--set", "target= Summary: {summary}"};
  CHECK(json_lines(folder.score("rouge", "val.json", summary)).at(0).at("rouge1").at("p") == 1.0);
  CHECK(json_lines(folder.score("rouge", "val.json")).at(0).at("rouge1").at("p") == 0.75);

  folder.write("own.jsonl",
               R"({"prompt": "Where?", "target": " floor", "choices": [" roof", " floor"]})"
               "\n"
               R"({"prompt": "And then?", "target": " roof", "choices": [" roof", " floor"]})");
  folder.write("p.jsonl",
               prediction_lines({{"own:1", " answer: floor"}, {"own:2", " answer: floor"}}));
  const Json means =
      json_lines(folder.score("accuracy", "own.jsonl", {"--set", "target= answer:{target}"}))
          .back();
  CHECK(means.at("accuracy") == 0.5);
  CHECK(means.at("confusion") ==
        Json::parse(R"({"labels": ["floor", "roof"], "counts": [[1, 0, 0], [1, 0, 0]]})"));
  CHECK(json_lines(folder.score("accuracy", "own.jsonl")).back().at("accuracy") == 0.0);
}

TEST_CASE("score --set is refused where no template wrote anything") {
  ScoreFolder folder;
  folder.write("p.jsonl", prediction_lines({{"1", "yes"}}));
  folder.write("r.jsonl", R"({"id": "1", "reference": "yes"})");
  for (const char* scorer : {"accuracy", "rouge"})
    check_refused(folder.score(scorer, "r.jsonl", {"--set", "nonsense"}), "--set nonsense: ");
  check_refused(folder.score("wikisql", "dev.jsonl", {"--set", "nonsense"}),
                "--set nonsense: must be KEY=VALUE");
}

TEST_CASE("score takes an own task's file, whose entries may have several references") {
  ScoreFolder folder;
  folder.write(
      "own.jsonl",
      R"({"prompt": "Capital?", "target": " Paris", "references": ["Paris", "paris town"]})"
      "\n"
      R"({"id": "b", "prompt": "2 + 2 =", "target": " 4", "choices": [" 3", " 4"]})");
  folder.write("p.jsonl", prediction_lines({{"own:1", "paris town"}, {"b", " 3"}}));
  const std::vector<Json> lines = json_lines(folder.score("accuracy", "own.jsonl"));
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].at("correct") == true);
  CHECK(lines[1].at("correct") == false);
  // The best of the references counts.
  const std::vector<Json> rouge = json_lines(folder.score("rouge", "own.jsonl"));
  CHECK(rouge[0].at("rouge2").at("f") == 1.0);
  CHECK(rouge[1].at("rouge1").at("f") == 0.0);
}

TEST_CASE("score refuses what does not belong together, by file, line and field") {
  const std::string one = prediction_lines({{"dev:1", "x"}});
  const std::string two = prediction_lines({{"dev:2", "x"}});
  struct Case {
    std::string predictions, questions, expected;
  };
  for (const Case& c : std::vector<Case>{
           {"", kQuestions, "p.jsonl: there are no predictions"},
           {one, kQuestions, "dev.jsonl:2: field 'id': 'dev:2' has no prediction"},
           {one + two + one, kQuestions, "p.jsonl:3: field 'id': 'dev:1' is predicted in line 1"},
           {one + two + prediction_lines({{"dev:9", "x"}}), kQuestions,
            "p.jsonl:3: field 'id': 'dev:9' is no reference's id"},
           {one + R"({"prediction": "x"})", kQuestions, "p.jsonl:2: field 'id'"},
           {one + R"({"id": "dev:2"})", kQuestions, "p.jsonl:2: field 'prediction'"},
           {one + R"({"id": [], "prediction": ""})", kQuestions, "p.jsonl:2: field 'id'"},
           {one + "{", kQuestions, "p.jsonl:2"},
           {one,
            R"({"table_id": "1-2", "question": "q", "sql": {"sel": 0, "agg": 0, "conds": []}})",
            "dev.jsonl:1: field 'table_id'"},
           {one,
            R"({"table_id": "1-1", "question": "q", "sql": {"sel": 2, "agg": 0, "conds": []}})",
            "dev.jsonl:1: field 'sql.sel'"},
           {one, R"({"table_id": "1-1", "question": "q"})", "dev.jsonl:1: field 'sql'"},
           {one, "", "dev.jsonl"}}) {
    ScoreFolder folder;
    folder.write("p.jsonl", c.predictions);
    folder.write("dev.jsonl", c.questions);
    const ProgramResult result = folder.score("wikisql", "dev.jsonl");
    check_refused(result, c.expected);
  }
}

TEST_CASE("score takes an own task that is one JSON array") {
  ScoreFolder folder;
  folder.write("own.json", R"([
    {"prompt": "Capital?", "target": " Paris"},
    {"id": "b", "prompt": "2 + 2 =", "target": " 4", "choices": [" 3", " 4"]}
])");
  folder.write("p.jsonl", prediction_lines({{"own:1", "Paris"}, {"b", " 3"}}));
  const std::vector<Json> lines = json_lines(folder.score("accuracy", "own.json"));
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].at("correct") == true);
  CHECK(lines[1].at("correct") == false);
  const std::vector<Json> rouge = json_lines(folder.score("rouge", "own.json"));
  REQUIRE(rouge.size() == 3);
  CHECK(rouge[0].at("rouge1").at("f") == 1.0);
  CHECK(rouge[1].at("rouge1").at("f") == 0.0);
}

TEST_CASE("score takes an own task whose entries have references and no target") {
  ScoreFolder folder;
  folder.write("p.jsonl", prediction_lines({{"a", "paris town"}, {"own:2", "five"}}));
  const std::string first =
      R"({"id": "a", "prompt": "Capital?", "references": ["Paris", "paris town"]})";
  const std::string second = R"({"prompt": "2 + 2 =", "reference": "four"})";
  for (const std::string& text :
       {first + "\n" + second + "\n", "[" + first + ",\n" + second + "]"}) {
    INFO(text);
    folder.write("own.jsonl", text);
    const std::vector<Json> lines = json_lines(folder.score("accuracy", "own.jsonl"));
    REQUIRE(lines.size() == 3);
    CHECK(lines[0].at("correct") == true);
    CHECK(lines[1].at("correct") == false);
    const std::vector<Json> rouge = json_lines(folder.score("rouge", "own.jsonl"));
    REQUIRE(rouge.size() == 3);
    CHECK(rouge[0].at("rouge2").at("f") == 1.0);
    CHECK(rouge[1].at("rouge1").at("f") == 0.0);
  }
}

TEST_CASE("score rouge names the line whose sentences are too long") {
  ScoreFolder folder;
  const auto repeated = [](const std::string& word, int times) {
    std::string text;
    for (int i = 0; i < times; ++i) text += word + " ";
    return text;
  };
  const auto reference_line = [](const char* id, const std::string& text) {
    return Json({{"id", id}, {"reference", text}}).dump() + "\n";
  };
  // A bit for each pair of tokens must stay below a gibibyte.
  folder.write("r.jsonl",
               reference_line("short", "a b") + reference_line("long", repeated("a", 1 << 19)));
  folder.write("p.jsonl",
               prediction_lines({{"short", "a b"}, {"long", "a\n" + repeated("b", 20000)}}));
  check_refused(folder.score("rouge", "r.jsonl"),
                folder.path("r.jsonl") +
                    ":2: 'long' and its prediction: sentences of 524288 and 20000 tokens are too "
                    "long for rougeLsum; put line ends between sentences");
}

TEST_CASE("score wikisql names a .db of which a page is damaged") {
  ScoreFolder folder;
  folder.write("heads.jsonl", R"({"id": "1-1", "header": ["Ship", "Year"]})");
  folder.write("p.jsonl", prediction_lines({{"dev:1", "SELECT Ship FROM table WHERE Year > 2000"},
                                            {"dev:2", "SELECT COUNT(Ship) FROM table"}}));
  constexpr std::size_t kPage = 4096;
  {
    SQLite::Database file(folder.path("dev.db"), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    file.exec("PRAGMA page_size = 4096");
    file.exec("CREATE TABLE table_1_1 (col0 text, col1 real)");
    file.exec("INSERT INTO table_1_1 VALUES ('ask', 1998), ('embla', 2001)");
  }
  const auto score_in = [&](const std::string& name) {
    return folder.score("wikisql", "dev.jsonl",
                        {"--tables", folder.path("heads.jsonl"), "--db", folder.path(name)});
  };
  CHECK(json_lines(score_in("dev.db")).back().at("executed") == 2);
  // The first page, which names the tables, stays: the damage shows when a query is put.
  std::string bytes = read_bytes(folder.path("dev.db"));
  REQUIRE(bytes.size() > kPage);
  std::fill(bytes.begin() + kPage, bytes.end(), '\xff');
  folder.write("damaged.db", bytes);
  check_refused(score_in("damaged.db"), "damaged.db: database disk image is malformed");
}

TEST_CASE("score wikisql executes a table without a row, where others have rows") {
  const std::string empty = R"({"id": "1-2", "header": ["Ship"], "types": ["text"], "rows": []})"
                            "\n";
  ScoreFolder folder;
  folder.write("dev.tables.jsonl", kTables + empty);
  folder.write(
      "dev.jsonl",
      kQuestions +
          R"({"table_id": "1-2", "question": "q", "sql": {"sel": 0, "agg": 3, "conds": []}})"
          "\n");
  std::vector<std::pair<Json, std::string>> predictions{
      {"dev:1", "SELECT Ship FROM table WHERE Year > 2000"},
      {"dev:2", "SELECT COUNT(Ship) FROM table"},
      {"dev:3", "SELECT COUNT(Ship) FROM table"}};
  folder.write("p.jsonl", prediction_lines(predictions));
  const Json all = json_lines(folder.score("wikisql", "dev.jsonl")).back();
  CHECK(all.at("executed") == 3);
  CHECK(all.at("gold_failed") == 0);
  CHECK(all.at("execution") == 1.0);
  // No row is not the count of none.
  predictions[2].second = "SELECT Ship FROM table";
  folder.write("p.jsonl", prediction_lines(predictions));
  CHECK(json_lines(folder.score("wikisql", "dev.jsonl")).at(2).at("execution") == false);

  // Where none has a row, the rows were left out of the file.
  folder.write("dev.tables.jsonl",
               R"({"id": "1-1", "header": ["Ship", "Year"], "types": ["text", "real"], "rows": []})"
               "\n" +
                   empty);
  const Json none = json_lines(folder.score("wikisql", "dev.jsonl")).back();
  CHECK(none.at("executed") == 0);
  CHECK(none.at("execution").is_null());
}

TEST_CASE("score --limit takes predictions of the whole file") {
  ScoreFolder folder;
  const std::vector<std::string> one{"--limit", "1"};
  folder.write("p.jsonl", prediction_lines({{"dev:1", "SELECT Ship FROM table WHERE Year > 2000"},
                                            {"dev:2", "SELECT Ship FROM table"}}));
  const std::vector<Json> queries = json_lines(folder.score("wikisql", "dev.jsonl", one));
  REQUIRE(queries.size() == 2);
  CHECK(queries[1].at("logical_form") == 1.0);

  folder.write("p.jsonl", prediction_lines({{"1", "yes"}, {"2", "no"}, {"3", "no"}}));
  folder.write("r.jsonl", R"({"id": "1", "reference": "yes"})"
                          "\n"
                          R"({"id": "2", "reference": "yes"})");
  const std::vector<Json> texts = json_lines(folder.score("accuracy", "r.jsonl", one));
  REQUIRE(texts.size() == 2);
  CHECK(texts[1].at("accuracy") == 1.0);
  CHECK(json_lines(folder.score("rouge", "r.jsonl", one)).size() == 2);
  // Without a limit one too many is a sign of other data.
  for (const char* scorer : {"accuracy", "rouge"})
    check_refused(folder.score(scorer, "r.jsonl"), "p.jsonl:3: field 'id': '3' is no reference's");
}

TEST_CASE("score accuracy spells out control characters of labels") {
  ScoreFolder folder;
  folder.write("p.jsonl", prediction_lines({{"1", "\x1b[2J"}, {"2", "no"}}));
  folder.write("r.jsonl", to_lines({{{"id", "1"}, {"reference", "\x1b[2J"}},
                                    {{"id", "2"}, {"reference", "no"}}}));
  const ProgramResult result =
      run_program({"score", "accuracy", "--predictions", folder.path("p.jsonl"), "--references",
                   folder.path("r.jsonl")});
  CHECK(result.exit_code == 0);
  CHECK_THAT(result.out, Catch::Contains("\\x1b[2J: \\x1b[2J 1 no 0") && !Catch::Contains("\x1b"));
}

TEST_CASE("score rouge says that sweeps score with the stemmer") {
  std::istringstream words(run_program({"score", "rouge", "--help"}).out);
  std::string help;
  for (std::string word; words >> word;) help += word + " ";
  CHECK_THAT(help, Catch::Contains("--stemmer stem words of more than three letters first, as "
                                   "sweeps score "));
}
