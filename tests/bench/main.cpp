// Every benchmark: the tables, each by its name, then Google Benchmark's.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>

#include "tests/bench/analysis_table.h"
#include "tests/bench/gpu_table.h"
#include "tests/bench/methods_table.h"
#include "tests/bench/sweep_table.h"
#include "tests/bench/tasks_table.h"
#include "tests/bench/training_table.h"
#include "tests/bench/trial_rate.h"

namespace {

using namespace rankscope::bench;

struct NamedTable {
  std::string_view name;
  int (*print)();  // 0 where every "must" was met and no peer failed
};

constexpr NamedTable kTables[] = {
    {"table", print_training_table},
    {"methods", print_methods_table},
    {"tasks", print_tasks_table},
    {"gpu", print_gpu_table},
    {"sweep", [] { return print_trial_rate() | print_sweep_table(); }},
    {"analysis", print_analysis_table},
};

}  // namespace

int main(int argc, char** argv) {
  std::string filter;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.starts_with("--benchmark_filter=")) {
      filter = argument.substr(argument.find('=') + 1);
    } else if (!argument.starts_with("--")) {
      std::fprintf(stderr, "rankscope-bench: %s: name what to measure by --benchmark_filter=%s\n",
                   argument.c_str(), argument.c_str());
      return 2;
    }
  }
  int status = 0;
  for (const NamedTable& table : kTables) {
    if (!filter.empty() && filter != table.name) continue;
    // A table that fails costs its own rows: the others took long enough to be worth having.
    try {
      status |= table.print();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s: %s\n", std::string(table.name).c_str(), error.what());
      status |= 3;
    }
  }
  if (std::ranges::find(kTables, filter, &NamedTable::name) != std::end(kTables)) return status;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return status;
}
