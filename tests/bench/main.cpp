// Every benchmark: the tables of training (name: table), of other methods (methods), of the tasks (tasks), of a GPU (gpu) and of
// a sweep (sweep), then Google Benchmark's.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <string>

#include "common/error.h"
#include "tests/bench/gpu_table.h"
#include "tests/bench/methods_table.h"
#include "tests/bench/sweep_table.h"
#include "tests/bench/tasks_table.h"
#include "tests/bench/training_table.h"
#include "tests/bench/trial_rate.h"

int main(int argc, char** argv) {
  std::string filter;
  for (int i = 1; i < argc; ++i)
    if (const std::string argument = argv[i]; argument.starts_with("--benchmark_filter="))
      filter = argument.substr(argument.find('=') + 1);
  int status = 0;
  try {
    if (filter.empty() || filter == "table") status |= rankscope::bench::print_training_table();
    if (filter.empty() || filter == "methods") status |= rankscope::bench::print_methods_table();
    if (filter.empty() || filter == "tasks") status |= rankscope::bench::print_tasks_table();
    if (filter.empty() || filter == "gpu") status |= rankscope::bench::print_gpu_table();
    if (filter.empty() || filter == "sweep") {
      status |= rankscope::bench::print_trial_rate();
      status |= rankscope::bench::print_sweep_table();
    }
  } catch (const rankscope::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 3;
  }
  if (filter == "table" || filter == "methods" || filter == "tasks" || filter == "sweep" || filter == "gpu")
    return status;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return status;
}
