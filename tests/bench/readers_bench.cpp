// Reading the data sets as published; needs the files of ../shared (RANKSCOPE_SHARED).
#include <benchmark/benchmark.h>

#include <memory>

#include "datasets/readers/wikisql.h"
#include "datasets/task.h"
#include "tests/shared_files.h"

namespace {

using namespace rankscope;

// Questions, tables with their rows, every query checked and rendered.
void BM_ReadWikisqlTrain(benchmark::State& state) {
  const auto path = tests::shared_file("data/wikisql/train.jsonl");
  if (!path) {
    state.SkipWithError("data/wikisql/train.jsonl is not here");
    return;
  }
  std::uint64_t bytes = 0;
  std::size_t examples = 0;
  for (auto _ : state) {
    auto data = std::make_unique<WikisqlData>(read_wikisql(*path));
    examples = data->set.records.size();
    bytes += data->set.report.files[0].bytes + data->set.report.files[1].bytes;
    // Freeing 1.4 million cells is no part of reading.
    state.PauseTiming();
    data.reset();
    state.ResumeTiming();
  }
  state.counters["examples"] = static_cast<double>(examples);
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}
BENCHMARK(BM_ReadWikisqlTrain)->Unit(benchmark::kMillisecond);

void read_task(benchmark::State& state, const char* name, const char* file) {
  const auto path = tests::shared_file(file);
  if (!path) {
    state.SkipWithError("the file is not here");
    return;
  }
  std::uint64_t bytes = 0;
  for (auto _ : state) {
    const RecordSet set = read_records(find_task(name), *path);
    bytes += set.report.files[0].bytes;
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}
BENCHMARK_CAPTURE(read_task, mnli, "mnli", "data/mnli/train.jsonl")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(read_task, samsum, "samsum", "data/samsum/train.json")
    ->Unit(benchmark::kMillisecond);

}  // namespace
