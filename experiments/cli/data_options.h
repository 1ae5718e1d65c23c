// The options that say which data a command works on.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "experiments/task_examples.h"

namespace rankscope {

struct DataOptions {
  DataSource source;
  std::string data;

  DataSource get() const {
    DataSource got = source;
    got.data = data;
    return got;
  }
};

// --task, --data, --split, --limit, --template, --max-tokens, --end-token. `what` describes the
// file that --data names without --task; empty: there is none such, and --data needs --task.
// The default of --split is the source's; where that is empty, help says that it is the split that
// sweeps score, which the command then looks up. Returns the option --data.
CLI::Option* add_data_options(CLI::App& command, DataOptions& options, const std::string& what);

// InputError where WikiSQL's questions come from standard input: no tables lie beside it.
void refuse_tables_of_standard_input(const DataOptions& options);

// "wikisql, mnli, samsum or own", from the table of tasks.
std::string task_list();

}  // namespace rankscope
