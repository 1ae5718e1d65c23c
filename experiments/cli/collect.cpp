// collect: a sweep's database made again from its trials' folders.
#include <memory>
#include <string>
#include <vector>

#include "common/error.h"
#include "common/log.h"
#include "common/text.h"
#include "experiments/cli/checks.h"
#include "experiments/cli/commands.h"
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

int run_collect(const std::string& path, bool again) {
  const SweepFolder folder{std::filesystem::path(path)};
  const Manifest manifest = read_manifest(folder);
  // The database has one writer: a second might take what the first has half written for damage.
  if (is_held(folder.path()))
    throw InputError(
        "the sweep in '" + printable_path(folder.path()) +
        "' is being run, and its results are collected as they come; wait for its end");
  const FolderLock lock(folder.path());
  if (again) remove_database(folder);
  Collector collector(folder, manifest);
  std::vector<std::string> problems = collector.collect_all();
  const std::size_t stored = manifest.trials.size() - problems.size();
  const AnalysisSummary analysed = collector.analyse(AnalysisScope::kAll);
  problems.insert(problems.end(), analysed.problems.begin(), analysed.problems.end());
  for (const std::string& trial : analysed.altered)
    problems.push_back("trial " + trial +
                       ": its adapter is not the one that was written, by its SHA-256; `run` finds "
                       "it too, and trains it again when it is given once more");
  for (const std::string& problem : problems) log::warning("{}", problem);
  if (manifest.latency)
    log::info("{} cells collected into {}", finished_latencies(folder, manifest).cells.size(),
              folder.database().string());
  else
    log::info("{} trials collected into {}", stored, folder.database().string());
  return problems.empty() ? 0 : 1;
}

}  // namespace

void add_collect(CLI::App& app, int& exit_code) {
  auto path = std::make_shared<std::string>();
  auto again = std::make_shared<bool>(false);
  CLI::App* command =
      app.add_subcommand("collect", "make a sweep's results.db again from its trials' folders");
  command->add_option("folder", *path, "the sweep's folder")->required()->check(not_empty());
  command->add_flag("--again", *again,
                    "everything anew, what has not changed too, into a new database");
  command->callback([path, again, &exit_code] { exit_code = run_collect(*path, *again); });
}

}  // namespace rankscope
