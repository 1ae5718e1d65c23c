// The gold queries of WikiSQL's train set, all of them: rendered, parsed back and executed.
#include <catch2/catch.hpp>

#include <unordered_map>

#include "common/jsonl.h"
#include "metrics/wikisql_scorer.h"
#include "tests/shared_files.h"
#include "tests/skip.h"

using namespace rankscope;

TEST_CASE("WikiSQL's gold queries survive their text and give their rows", "[slow]") {
  const auto folder = tests::shared_file("data/wikisql");
  if (!folder) RANKSCOPE_SKIP("no WikiSQL on this machine");
  std::unordered_map<std::string, WikisqlTable> tables;
  JsonlReader table_reader(*folder / "train.tables.jsonl");
  Json json;
  while (table_reader.next(json)) {
    WikisqlTable table;
    table.id = json["id"];
    table.header = json["header"].get<std::vector<std::string>>();
    table.types = json["types"].get<std::vector<std::string>>();
    for (const Json& row : json["rows"]) {
      auto& cells = table.rows.emplace_back(row.size());
      for (std::size_t i = 0; i < row.size(); ++i) REQUIRE(read_wikisql_value(row[i], cells[i]));
    }
    const std::string id = table.id;
    tables.emplace(id, std::move(table));
  }
  WikisqlDatabase database;
  for (const auto& [id, table] : tables) database.add_table(table);
  std::size_t queries = 0, same_text = 0, executed = 0, same_rows = 0;
  std::unordered_map<std::string, std::size_t> refusals;
  JsonlReader reader(*folder / "train.jsonl");
  while (reader.next(json)) {
    ++queries;
    const std::string id = json["table_id"];
    const WikisqlTable& table = tables.at(id);
    JsonObject object = reader.object(json);
    JsonObject sql = object.get_object("sql");
    const WikisqlQuery gold = read_wikisql_query(sql, table.header.size());
    const std::string text = render_query(gold, table.header);
    const std::optional<WikisqlQuery> parsed = parse_query(text, table.header);
    same_text += parsed == gold;
    if (!parsed) continue;
    const QueryResult direct = database.execute(id, gold);
    if (!direct.ok()) {
      ++refusals[direct.error];
      continue;
    }
    ++executed;
    same_rows += database.execute(id, *parsed).same_rows(direct);
  }
  for (const auto& [reason, count] : refusals) std::printf("%zu x %s\n", count, reason.c_str());
  std::printf("%zu queries, %zu executed\n", queries, executed);
  CHECK(queries == 49922);
  CHECK(same_text == queries);
  CHECK(same_rows == executed);
  // The types of these tables are inferred: a column may be called real and be compared with a
  // text.
  CHECK(queries - executed < queries / 100);
}
