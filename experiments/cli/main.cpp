// The program: one subcommand per file beside this one.
#include <cstdio>
#include <new>

#include "common/error.h"
#include "common/interrupt.h"
#include "experiments/cli/commands.h"

namespace {

int run(int argc, char** argv) {
  CLI::App app{"rankscope: how low-rank adaptation of a transformer behaves", "rankscope"};
  app.require_subcommand(1);
  app.footer("Also, by the rankscope script: test [FILTER] runs every test, bench [FILTER] every "
             "benchmark.\nExit codes: 0 done, 1 some trial failed, 2 usage or input error, 3 fault "
             "of the machine, 130 interrupted.");
  int exit_code = 0;
  rankscope::add_train(app, exit_code);
  rankscope::add_nll(app, exit_code);
  rankscope::add_info(app, exit_code);
  rankscope::add_doctor(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& e) {
    return app.exit(e);
  } catch (const CLI::CallForAllHelp& e) {
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    std::fprintf(stderr, "rankscope: %s; --help lists what is known\n", e.what());
    return 2;
  }
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  rankscope::install_signal_handlers();
  try {
    return run(argc, argv);
  } catch (const rankscope::Error& e) {
    std::fprintf(stderr, "rankscope: %s\n", e.what());
    return e.exit_code();
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "rankscope: out of memory; see `rankscope info MODEL` for what is needed\n");
    return 3;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "rankscope: internal error: %s; please report it\n", e.what());
    return 3;
  }
}
