// The results database with 1,000 trials of 1,000 predictions each.
#include <benchmark/benchmark.h>

#include <filesystem>
#include <string>

#include "results/query.h"
#include "results/store.h"

namespace {

using namespace rankscope;

constexpr int kTrials = 1000;
constexpr int kExamples = 1000;

std::filesystem::path bench_folder() {
  return std::filesystem::path(RANKSCOPE_BENCH_FOLDER) / "results";
}

TrialRecord trial(int number) {
  TrialRecord t;
  t.trial = "t" + std::to_string(100'000 + number * 7919 % 100'000);
  t.train_hash = t.eval_hash = std::string(64, 'a');
  t.sweep = "bench";
  t.state = "done";
  t.role = "scored";
  t.method = "lora";
  t.task = "wikisql";
  t.targets = number % 3 == 0 ? "Wq" : number % 3 == 1 ? "Wq+Wv" : "Wq+Wk+Wv+Wo";
  t.rank = 1 << (number / 3 % 6);
  t.seed = number / 18;
  for (int i = 0; i < 50; ++i) t.config["key." + std::to_string(i)] = "a value of some length";
  t.config["method.rank"] = std::to_string(*t.rank);
  for (int i = 0; i < 20; ++i) t.environment["key." + std::to_string(i)] = "a value of some length";
  t.dataset = std::string(64, 'd');
  t.timings = {{"train_seconds", 20}, {"eval_seconds", 10}};
  for (int step = 1; step <= 250; ++step) t.curve.push_back({step, 1.5, 2e-4, 0.5, 900, 90, {}});
  for (const char* metric : {"exact", "execution", "logical_form"})
    t.metrics.push_back({metric, 0.5, 0.015, kExamples, "ok"});
  for (int i = 0; i < kExamples; ++i) {
    t.predictions.push_back({"dev:" + std::to_string(i),
                             "SELECT COUNT(Player) FROM table WHERE Number = " + std::to_string(i),
                             {{"exact", i % 2}, {"execution", i % 3 == 0}, {"logical_form", 0}}});
  }
  return t;
}

void fill(const std::filesystem::path& db) {
  Store store = Store::open(db);
  store.put_sweep({"bench", "", "base", ""});
  DatasetRecord dataset{std::string(64, 'd'), "wikisql", "dev", "dev.jsonl", {}};
  for (int i = 0; i < kExamples; ++i)
    dataset.examples.push_back({"dev:" + std::to_string(i), std::string(400, 'p'), "SELECT"});
  store.put_dataset(dataset);
  for (int number = 0; number < kTrials; ++number) store.put_trial(trial(number));
}

// Whether this process has filled bench_folder(): what an earlier one left may be of another
// schema.
bool filled = false;

void clear() {
  std::filesystem::remove_all(bench_folder());
  std::filesystem::create_directories(bench_folder());
}

// The making of the records counts too.
void BM_StoreThousandTrials(benchmark::State& state) {
  for (auto _ : state) {
    state.PauseTiming();
    clear();
    state.ResumeTiming();
    fill(bench_folder() / "results.db");
  }
  filled = true;
  state.SetItemsProcessed(state.iterations() * kTrials);
}
BENCHMARK(BM_StoreThousandTrials)->Unit(benchmark::kMillisecond)->Iterations(1);

// Opening the database and asking, as `query` does, on what the benchmark above writes.
void BM_Query(benchmark::State& state, const char* question) {
  if (!filled) {
    clear();
    fill(bench_folder() / "results.db");
    filled = true;
  }
  for (auto _ : state)
    benchmark::DoNotOptimize(ResultsReader({bench_folder()}).rows(question).size());
}
BENCHMARK_CAPTURE(BM_Query, trials, "trials")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Query, scores, "scores")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Query, table5, "table5")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Query, table6, "table6")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Query, sweeps, "sweeps")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Query, config_value,
                  "SELECT trial FROM config WHERE key = 'method.rank' AND number = 8")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Query, one_trials_predictions,
                  "SELECT * FROM predictions_scored WHERE trial = "
                  "(SELECT min(trial) FROM trials)")
    ->Unit(benchmark::kMillisecond);

}  // namespace
