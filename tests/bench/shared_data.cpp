#include "tests/bench/shared_data.h"

#include <cstdlib>
#include <set>

#include "common/jsonl.h"

namespace rankscope::bench {

namespace {

std::filesystem::path shared() {
  const char* folder = std::getenv("RANKSCOPE_SHARED");
  if (folder == nullptr) return std::filesystem::path(RANKSCOPE_SOURCE_DIR) / ".." / "shared";
  return std::filesystem::absolute(folder);
}

}  // namespace

std::filesystem::path shared_data(const std::string& name) { return shared() / "data" / name; }

std::filesystem::path shared_model(const std::string& name) { return shared() / "models" / name; }

WikisqlQueries read_wikisql_queries(std::size_t count) {
  WikisqlQueries data;
  std::set<std::string> used;
  std::vector<Json> questions;
  JsonlReader question_reader(shared_data("wikisql/train.jsonl"));
  Json json;
  while (questions.size() < count && question_reader.next(json)) {
    used.insert(json["table_id"].get<std::string>());
    questions.push_back(json);
  }
  JsonlReader table_reader(shared_data("wikisql/train.tables.jsonl"));
  while (table_reader.next(json)) {
    WikisqlTable table{json["id"], json["header"], json["types"], {}};
    if (!used.contains(table.id)) continue;
    for (const Json& row : json["rows"]) {
      auto& cells = table.rows.emplace_back(row.size());
      for (std::size_t i = 0; i < row.size(); ++i) read_wikisql_value(row[i], cells[i]);
    }
    const std::string id = table.id;
    data.tables.emplace(id, std::move(table));
  }
  for (const Json& question : questions) {
    const std::string id = question["table_id"];
    JsonObject sql(question["sql"], "train.jsonl");
    data.queries.emplace_back(id, read_wikisql_query(sql, data.tables.at(id).header.size()));
  }
  return data;
}

}  // namespace rankscope::bench
