// The scorers: ROUGE over pairs, WikiSQL's queries over their tables.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/jsonl.h"
#include "metrics/rouge.h"
#include "metrics/wikisql_scorer.h"

namespace {

using namespace rankscope;

std::filesystem::path shared_data(const std::string& name) {
  const char* folder = std::getenv("RANKSCOPE_SHARED");
  const std::filesystem::path base =
      folder != nullptr ? folder : std::filesystem::path(RANKSCOPE_SOURCE_DIR) / ".." / "shared";
  return base / "data" / name;
}

// The pairs of the peer script rouge_speed.py: SAMSum's summaries against one another. One thread.
void BM_Rouge(benchmark::State& state) {
  const std::filesystem::path path = shared_data("samsum/val.json");
  if (!std::filesystem::exists(path)) return state.SkipWithError("no SAMSum on this machine");
  std::vector<std::string> summaries;
  for (const Json& row : read_json_file(path)) summaries.push_back(row["summary"]);
  for (auto _ : state) {
    // A scorer of its own each time: the words it has seen make it faster.
    RougeScorer scorer(state.range(0) != 0);
    double sum = 0;
    for (int round = 0; round < 3; ++round) {
      for (std::size_t i = 0; i < summaries.size(); ++i) {
        sum += scorer.score(summaries[i], summaries[(i * 7 + 1) % summaries.size()]).rouge1.f;
      }
    }
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * 3 * summaries.size()));
}
BENCHMARK(BM_Rouge)->ArgName("stemmer")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

struct Wikisql {
  std::unordered_map<std::string, WikisqlTable> tables;
  std::vector<std::pair<std::string, WikisqlQuery>> queries;
};

// The first queries of the train set and their tables.
Wikisql read_wikisql(std::size_t count) {
  Wikisql data;
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

// 8,000 queries, their tables loaded into memory on the way.
void BM_WikisqlExecution(benchmark::State& state) {
  if (!std::filesystem::exists(shared_data("wikisql/train.tables.jsonl"))) {
    return state.SkipWithError("no WikiSQL on this machine");
  }
  const Wikisql data = read_wikisql(8000);
  std::size_t rows = 0;
  for (auto _ : state) {
    WikisqlDatabase database;
    for (const auto& [id, table] : data.tables) database.add_table(table);
    for (const auto& [id, query] : data.queries) rows += database.execute(id, query).rows.size();
  }
  benchmark::DoNotOptimize(rows);
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * data.queries.size()));
  state.counters["tables"] = static_cast<double>(data.tables.size());
}
BENCHMARK(BM_WikisqlExecution)->Unit(benchmark::kMillisecond);

// Text to query and back.
void BM_WikisqlText(benchmark::State& state) {
  if (!std::filesystem::exists(shared_data("wikisql/train.tables.jsonl"))) {
    return state.SkipWithError("no WikiSQL on this machine");
  }
  const Wikisql data = read_wikisql(8000);
  for (auto _ : state) {
    for (const auto& [id, query] : data.queries) {
      const std::vector<std::string>& header = data.tables.at(id).header;
      benchmark::DoNotOptimize(parse_query(render_query(query, header), header));
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * data.queries.size()));
}
BENCHMARK(BM_WikisqlText)->Unit(benchmark::kMillisecond);

}  // namespace
