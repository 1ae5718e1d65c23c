// collect: a sweep's database made again from its trials' folders.
#include <memory>
#include <string>
#include <vector>

#include "common/error.h"
#include "common/json.h"
#include "common/log.h"
#include "common/text.h"
#include "experiments/cli/checks.h"
#include "experiments/cli/commands.h"
#include "experiments/cli/print_rows.h"
#include "experiments/folder_lock.h"
#include "experiments/latency/latency_cells.h"
#include "experiments/sweep/collect.h"

namespace rankscope {

namespace {

// Nothing is lost with it: all of it is made from the trials' folders.
void remove_database(const SweepFolder& folder) {
  for (const char* ending : {"", "-wal", "-shm"}) {
    std::filesystem::path file = folder.database();
    file += ending;
    std::error_code error;
    std::filesystem::remove(file, error);
    if (error)
      throw InputError("cannot remove '" + printable_path(file) +
                       "': " + system_error_text(error.value()));
  }
}

struct CollectCommand {
  std::string folder;
  bool again = false;
  bool json = false;
};

int run_collect(const CollectCommand& c) {
  const SweepFolder folder{std::filesystem::path(c.folder)};
  const Manifest manifest = read_manifest(folder);
  // The database has one writer: a second might take what the first has half written for damage.
  if (is_held(folder.path()))
    throw InputError(
        "the sweep in '" + printable_path(folder.path()) +
        "' is being run, and its results are collected as they come; wait for its end");
  const FolderLock lock(folder.path());
  if (c.again) remove_database(folder);
  Collector collector(folder, manifest);
  std::vector<std::string> problems = collector.collect_all();
  const std::size_t stored = manifest.latency ? finished_latencies(folder, manifest).cells.size()
                                              : manifest.trials.size() - problems.size();
  const AnalysisSummary analysed = collector.analyse(AnalysisScope::kAll);
  problems.insert(problems.end(), analysed.problems.begin(), analysed.problems.end());
  for (const std::string& trial : analysed.altered)
    problems.push_back("trial " + trial +
                       ": its adapter is not the one that was written, by its SHA-256; `run` finds "
                       "it too, and trains it again when it is given once more");
  for (const std::string& problem : problems) log::warning("{}", problem);
  const char* const what = manifest.latency ? "cells" : "trials";
  log::info("{} {} collected into {}", stored, what, folder.database().string());
  if (c.json) {
    const OrderedJson line = {
        {what, stored}, {"problems", problems}, {"database", folder.database().string()}};
    print_text(json_text(line) + "\n");
  }
  return problems.empty() ? 0 : 1;
}

}  // namespace

void add_collect(CLI::App& app, int& exit_code) {
  auto c = std::make_shared<CollectCommand>();
  CLI::App* command =
      app.add_subcommand("collect", "make a sweep's results.db again from its trials' folders");
  command->add_option("folder", c->folder, "the sweep's folder")->required()->check(not_empty());
  command->add_flag("--again", c->again,
                    "everything anew, what has not changed too, into a new database");
  command->add_flag("--json", c->json, "one line: how many were collected, and what was wrong");
  command->callback([c, &exit_code] { exit_code = run_collect(*c); });
}

}  // namespace rankscope
