// The scorers: ROUGE over pairs, WikiSQL's queries over their tables.
#include <benchmark/benchmark.h>

#include <filesystem>
#include <string>
#include <vector>

#include "common/json.h"
#include "metrics/rouge.h"
#include "metrics/wikisql_scorer.h"
#include "tests/bench/shared_data.h"

namespace {

using namespace rankscope;
using namespace rankscope::bench;

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

// 8,000 queries, their tables loaded into memory on the way.
void BM_WikisqlExecution(benchmark::State& state) {
  if (!std::filesystem::exists(shared_data("wikisql/train.tables.jsonl"))) {
    return state.SkipWithError("no WikiSQL on this machine");
  }
  const WikisqlQueries data = read_wikisql_queries(8000);
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
  const WikisqlQueries data = read_wikisql_queries(8000);
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
