// The subcommands. Each adds itself to the program and, when it was the one asked for, sets what
// runs; errors are thrown (common/error.h) and main() turns them into exit codes.
#pragma once

#include <CLI/CLI.hpp>

namespace rankscope {

void add_doctor(CLI::App& app, int& exit_code);
void add_info(CLI::App& app, int& exit_code);
void add_train(CLI::App& app, int& exit_code);
void add_pretrain(CLI::App& app, int& exit_code);
void add_nll(CLI::App& app, int& exit_code);
void add_generate(CLI::App& app, int& exit_code);
void add_score(CLI::App& app, int& exit_code);
void add_query(CLI::App& app, int& exit_code);
void add_show(CLI::App& app, int& exit_code);
void add_export(CLI::App& app, int& exit_code);
void add_render(CLI::App& app, int& exit_code);
void add_tokenize(CLI::App& app, int& exit_code);
void add_tokenizer(CLI::App& app, int& exit_code);
void add_compare(CLI::App& app, int& exit_code);
void add_report(CLI::App& app, int& exit_code);
void add_claims(CLI::App& app, int& exit_code);
void add_analyze(CLI::App& app, int& exit_code);
void add_world(CLI::App& app, int& exit_code);
void add_merge(CLI::App& app, int& exit_code);
void add_combine(CLI::App& app, int& exit_code);
void add_trial(CLI::App& app, int& exit_code);
void add_run(CLI::App& app, int& exit_code);
void add_status(CLI::App& app, int& exit_code);
void add_collect(CLI::App& app, int& exit_code);

}  // namespace rankscope
