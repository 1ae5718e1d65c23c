// collect: a sweep's database made again from its trials' folders.
#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
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
#include "experiments/sweep/new_database.h"
#include "experiments/sweep/sweep_hold.h"

namespace rankscope {

namespace {

struct CollectCommand {
  std::string folder;
  bool again = false;
  bool json = false;
};

struct Collected {
  std::size_t stored = 0;  // trials or cells
  std::vector<std::string> problems;
  std::vector<std::string> altered;  // as AnalysisSummary's
  std::set<std::string> refused;     // as Collector's
};

Collected collect_into(const std::filesystem::path& database, const SweepFolder& folder,
                       const Manifest& manifest) {
  Collector collector(folder, manifest, database);
  Collected collected{
      .stored = 0, .problems = collector.collect_all(), .altered = {}, .refused = {}};
  collected.refused = collector.refused();
  collected.stored =
      manifest.latency ? finished_latencies(folder, manifest).cells.size() : collector.stored();
  try {
    AnalysisSummary analysed = collector.analyse(AnalysisScope::kAll);
    std::ranges::move(analysed.problems, std::back_inserter(collected.problems));
    collected.altered = std::move(analysed.altered);
  } catch (const DamagedDatabase&) {
    throw;
  } catch (const InputError& error) {  // the base, which may have been moved
    collected.problems.push_back(std::string("no analysis: ") + error.what());
  }
  for (const std::string& trial : collected.altered)
    collected.problems.push_back("trial " + trial +
                                 ": its adapter is not the one that was written, by its SHA-256; "
                                 "`run` finds it too, and trains it again, at once or when it is "
                                 "given once more");
  return collected;
}

int run_collect(const CollectCommand& c) {
  const SweepFolder folder{std::filesystem::path(c.folder)};
  const Manifest manifest = read_manifest(folder);
  // The database has one writer: a second might take what the first has half written for damage.
  if (is_held(folder.path()))
    throw InputError(
        "the sweep in '" + printable_path(folder.path()) +
        "' is being run, and its results are collected as they come; wait for its end");
  const FolderLock lock(folder.path());
  refuse_other_host(folder.path(), is_of_one_host(folder.path()));
  std::optional<NewDatabase> made;
  if (c.again) made.emplace(folder);
  const Collected collected =
      collect_into(made ? made->file() : folder.database(), folder, manifest);
  std::vector<std::string> problems = collected.problems;
  const std::string kept =
      made ? made->replace_old(manifest, collected.altered, collected.refused) : "";
  if (!kept.empty()) problems.push_back(kept);
  for (const std::string& problem : problems) log::warning("{}", problem);
  const char* const what = manifest.latency ? "cells" : "trials";
  if (kept.empty())
    log::info("{} {} collected into {}", collected.stored, what, folder.database().string());
  if (c.json) {
    const OrderedJson line = {
        {what, collected.stored}, {"problems", problems}, {"database", folder.database().string()}};
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
                    "everything anew, what has not changed too, into a new database; the old one "
                    "stays where it holds more");
  command->add_flag("--json", c->json, "one line: how many were collected, and what was wrong");
  command->callback([c, &exit_code] { exit_code = run_collect(*c); });
}

}  // namespace rankscope
