#include "datasets/readers/wikisql.h"

#include <catch2/catch.hpp>

#include "common/error.h"
#include "common/files.h"
#include "common/hash.h"
#include "tests/datasets/test_files.h"
#include "tests/error_text.h"
#include "tests/shared_files.h"
#include "tests/skip.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

namespace {

constexpr const char* kTable = R"({"id": "t", "header": ["a", "b"], "types": ["text", "real"],)"
                               R"( "rows": [["x", 1]]})";
constexpr const char* kQuestion =
    R"({"table_id": "t", "question": "q?", "sql": {"sel": 0, "agg": 0, "conds": [[1, 0, "x"]]}})";

// The message for a pair of files.
std::string wikisql_refusal(std::string_view questions, std::string_view tables = kTable) {
  TemporaryFolder folder;
  const auto path = put(folder / "dev.jsonl", questions);
  put(folder / "dev.tables.jsonl", tables);
  return error_text<InputError>([&] { read_wikisql(path); });
}

std::string question_with(const std::string& sql) {
  return R"({"table_id": "t", "question": "q?", "sql": )" + sql + "}";
}

}  // namespace

TEST_CASE("WikiSQL's official form is read: questions, queries, tables with rows and types") {
  const WikisqlData data = read_wikisql(data_file("wikisql/dev.jsonl"));
  REQUIRE(data.set.records.size() == 4);
  REQUIRE(data.gold.size() == 4);
  const Record& second = data.set.records[1];
  CHECK(second.id == "dev:2");
  CHECK(second.line == 2);
  CHECK(second.fields[0] == "Lake, Depth (m), Area, Visited, by");
  CHECK(second.fields[1] == "How many lakes deeper than 5 m did Ann visit?");
  CHECK(second.references == std::vector<std::string>{second.fields[2]});
  CHECK(data.gold[1].query.select == 0);
  CHECK(data.gold[1].query.aggregation == 3);
  REQUIRE(data.gold[1].query.conditions.size() == 2);
  CHECK(data.gold[1].query.conditions[0].value.text == "5");
  CHECK(data.gold[1].query.conditions[0].value.kind == WikisqlValue::Kind::kInteger);
  CHECK(data.gold[2].table == 1);
  CHECK(data.gold[2].query.conditions[0].value.text == "2.5");
  CHECK(data.gold[3].query.conditions.empty());
  for (std::size_t i = 0; i < data.gold.size(); ++i) {
    const WikisqlTable& table = data.tables.tables[data.gold[i].table];
    const auto back = parse_query(data.set.records[i].fields[2], table.header);
    REQUIRE(back.has_value());
    CHECK(*back == data.gold[i].query);
  }
  const WikisqlTable& lakes = data.tables.tables[0];
  CHECK(lakes.types == std::vector<std::string>{"text", "real", "real", "text"});
  REQUIRE(lakes.rows.size() == 3);
  CHECK(lakes.rows[0][1].text == "41.5");
  CHECK(lakes.rows[1][1].kind == WikisqlValue::Kind::kInteger);
  CHECK(lakes.rows[1][3].text == "Ben and \"Cy\"");
  CHECK(lakes.rows[2][2].text == "1e+16");
  CHECK(lakes.rows[2][3].kind == WikisqlValue::Kind::kNull);
  CHECK(data.tables.tables[1].rows.empty());

  const ReadReport& report = data.set.report;
  CHECK(report.read == 4);
  CHECK(report.skipped.empty());
  REQUIRE(report.files.size() == 2);
  CHECK(report.files[0].sha256 == sha256_file(data_file("wikisql/dev.jsonl")));
  CHECK(report.files[1].sha256 == sha256_file(data_file("wikisql/dev.tables.jsonl")));
}

TEST_CASE("WikiSQL tables of headers only are enough") {
  const WikisqlData data =
      read_wikisql(data_file("wikisql/dev.jsonl"), data_file("wikisql/headers.tables.jsonl"));
  CHECK(data.set.records[2].fields[0] == "day, guests and staff");
  CHECK(data.tables.tables[0].rows.empty());
  CHECK(data.tables.tables[0].types.empty());
}

TEST_CASE("WikiSQL's reader stops at the limit and can leave the rows out") {
  const WikisqlData data = read_wikisql(data_file("wikisql/dev.jsonl"), {}, {.limit = 3}, false);
  CHECK(data.set.records.size() == 3);
  CHECK(data.gold.size() == 3);
  CHECK(data.set.report.stopped_at_limit);
  CHECK(data.tables.tables[0].rows.empty());
}

TEST_CASE("with a limit WikiSQL's reader keeps the rows of the tables that are asked") {
  TemporaryFolder folder;
  const std::string other = R"({"id": "u", "header": ["a"], "types": ["text"], "rows": [["y"]]})";
  const std::string asks_other =
      R"({"table_id": "u", "question": "q?", "sql": {"sel": 0, "agg": 0, "conds": []}})";
  const auto path = put(folder / "dev.jsonl", std::string(kQuestion) + "\n" + asks_other + "\n");
  put(folder / "dev.tables.jsonl", other + "\n" + kTable + "\n");
  const WikisqlData first = read_wikisql(path, {}, {.limit = 1});
  CHECK(first.tables.tables.at(0).rows.empty());
  CHECK(first.tables.tables.at(1).rows.size() == 1);
  const WikisqlData both = read_wikisql(path, {}, {.limit = 2});
  CHECK(both.tables.tables.at(0).rows.size() == 1);
}

TEST_CASE("what is wrong in WikiSQL's files is named by file, line and field") {
  const std::string good = std::string(kQuestion) + "\n";
  CHECK(wikisql_refusal(good) == "nothing was thrown");
  CHECK_THAT(wikisql_refusal(good + R"({"question": "q?", "sql": {}})"),
             Contains("dev.jsonl:2: field 'table_id': is missing"));
  CHECK_THAT(wikisql_refusal(good + R"({"table_id": "t", "sql": {"sel":0,"agg":0,"conds":[]}})"),
             Contains("dev.jsonl:2: field 'question': is missing"));
  CHECK_THAT(wikisql_refusal(R"({"table_id": "t", "question": "q?"})"),
             Contains("dev.jsonl:1: field 'sql': is missing"));
  CHECK_THAT(wikisql_refusal(R"({"table_id": "u", "question": "q?", "sql": {}})"),
             Contains("field 'table_id': no table 'u' in") && Contains("dev.tables.jsonl"));
  CHECK_THAT(wikisql_refusal(R"({"table_id": 7, "question": "q?", "sql": {}})"),
             Contains("dev.jsonl:1: field 'table_id': must be a string, not 7"));
  CHECK_THAT(wikisql_refusal(question_with("[]")), Contains("dev.jsonl:1: field 'sql'"));
  CHECK_THAT(wikisql_refusal(question_with(R"({"sel": 2, "agg": 0, "conds": []})")),
             Contains("dev.jsonl:1: field 'sql.sel'"));
  CHECK_THAT(wikisql_refusal(question_with(R"({"sel": -1, "agg": 0, "conds": []})")),
             Contains("sql.sel"));
  CHECK_THAT(wikisql_refusal(question_with(R"({"sel": 0, "agg": 6, "conds": []})")),
             Contains("sql.agg"));
  CHECK_THAT(wikisql_refusal(question_with(R"({"sel": 0, "agg": 0})")),
             Contains("field 'sql.conds': is missing"));
  CHECK_THAT(wikisql_refusal(question_with(R"({"sel": 0, "agg": 0, "conds": [[2, 0, "x"]]})")),
             Contains("field 'sql.conds[0]'") && Contains("column from 0 to 1") &&
                 Contains("not [2,0,\"x\"]"));
  CHECK_THAT(wikisql_refusal(question_with(R"({"sel": 0, "agg": 0, "conds": [[0, 4, "x"]]})")),
             Contains("field 'sql.conds[0]'"));
  CHECK_THAT(wikisql_refusal(question_with(R"({"sel": 0, "agg": 0, "conds": [[0, 0, null]]})")),
             Contains("field 'sql.conds[0]'"));
  CHECK_THAT(wikisql_refusal(question_with(R"({"sel": 0, "agg": 0, "conds": [[0, 0]]})")),
             Contains("field 'sql.conds[0]'"));
  CHECK_THAT(wikisql_refusal(question_with(R"({"sel": 0, "sel": 0, "agg": 0, "conds": []})")),
             Contains("dev.jsonl:1:") && Contains("given twice"));

  CHECK_THAT(wikisql_refusal(good, R"({"id": "t"})"),
             Contains("dev.tables.jsonl:1: field 'header': is missing"));
  CHECK_THAT(wikisql_refusal(good, R"({"id": "t", "header": []})"), Contains("field 'header'"));
  CHECK_THAT(wikisql_refusal(good, R"({"id": "t", "header": ["a", 1]})"),
             Contains("field 'header': must be an array of strings"));
  CHECK_THAT(wikisql_refusal(good, R"({"id": "t", "header": ["a"], "types": []})"),
             Contains("field 'types': has 0 types for 1 columns"));
  CHECK_THAT(wikisql_refusal(good, R"({"id": "t", "header": ["a"], "types": ["int"]})"),
             Contains("'text' or 'real', not 'int'"));
  CHECK_THAT(wikisql_refusal(good, R"({"id": "t", "header": ["a"], "rows": [["x"], ["x", "y"]]})"),
             Contains("field 'rows': row 2: has 2 cells for 1 columns"));
  CHECK_THAT(wikisql_refusal(good, R"({"id": "t", "header": ["a"], "rows": [[true]]})"),
             Contains("field 'rows': row 1: cell 1 must be"));
  CHECK_THAT(wikisql_refusal(good, R"({"id": "t", "header": ["a", "b"], "types": ["text", "real"],)"
                                   R"( "rows": [["x", 9223372036854775808]]})"),
             Contains("field 'rows': row 1: cell 2 must be") && Contains("at most 64 bits"));
  CHECK_THAT(wikisql_refusal(good, R"({"id": "t", "header": ["a", "b"], "rows": [["x", 1]]})"),
             Contains("dev.tables.jsonl:1: field 'types': is missing beside 'rows'"));
  CHECK_THAT(wikisql_refusal(good, std::string(kTable) + "\n" + kTable),
             Contains("dev.tables.jsonl:2: field 'id': a table 't' was given before"));
}

TEST_CASE("SQL in a value stays a value") {
  TemporaryFolder folder;
  const auto path =
      put(folder / "dev.jsonl",
          question_with(R"({"sel": 0, "agg": 0, "conds": [[0, 0, "'; DROP TABLE t; --"]]})"));
  put(folder / "dev.tables.jsonl", kTable);
  const WikisqlData data = read_wikisql(path);
  CHECK(data.gold[0].query.conditions[0].value.text == "'; DROP TABLE t; --");
  const auto back = parse_query(data.set.records[0].fields[2], data.tables.tables[0].header);
  REQUIRE(back.has_value());
  CHECK(*back == data.gold[0].query);
}

TEST_CASE("WikiSQL's published files have the counts of the release", "[slow]") {
  struct Split {
    const char* name;
    std::size_t questions;
    std::size_t tables;
  };
  for (const Split split : {Split{"dev", 8421, 2630}, Split{"train", 49922, 16047}}) {
    const std::string name = "data/wikisql/" + std::string(split.name);
    const auto path = shared_file(name + ".jsonl");
    if (!path || !shared_file(name + ".tables.jsonl"))
      RANKSCOPE_SKIP("no data/wikisql in RANKSCOPE_SHARED");
    const WikisqlData data = read_wikisql(*path);
    CHECK(data.set.records.size() == split.questions);
    CHECK(data.tables.tables.size() == split.tables);
    CHECK(data.set.report.skipped_total() == 0);
    std::size_t changed = 0;
    for (std::size_t i = 0; i < data.gold.size(); ++i) {
      const WikisqlTable& table = data.tables.tables[data.gold[i].table];
      const auto back = parse_query(data.set.records[i].fields[2], table.header);
      if (!back || !(*back == data.gold[i].query)) ++changed;
    }
    CHECK(changed == 0);
  }
}
