// The gold queries of WikiSQL's train set, all of them: rendered, parsed back and executed.
#include <catch2/catch.hpp>

#include <map>
#include <unordered_map>

#include "common/jsonl.h"
#include "metrics/wikisql_scorer.h"
#include "tests/shared_files.h"
#include "tests/skip.h"

using namespace rankscope;

TEST_CASE("WikiSQL's gold queries survive their text and give their rows", "[slow]") {
  const auto table_file = tests::shared_file("data/wikisql/train.tables.jsonl");
  const auto query_file = tests::shared_file("data/wikisql/train.jsonl");
  if (!table_file || !query_file) RANKSCOPE_SKIP("no data/wikisql in RANKSCOPE_SHARED");
  std::unordered_map<std::string, WikisqlTable> tables;
  JsonlReader table_reader(*table_file);
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
  std::map<std::string, std::size_t> refusals;
  JsonlReader reader(*query_file);
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
  CHECK(queries == 49922);
  CHECK(same_text == queries);
  CHECK(same_rows == executed);
  CHECK(executed == 49912);
  // The types of these tables are inferred from their cells. Six questions look for a word in a
  // column of attendances, the other four for a row of totals (2), a dash, and a footnote.
  CHECK(refusals == std::map<std::string, std::size_t>{
                        {"a real column is compared with a text that holds no number", 10}});
}
