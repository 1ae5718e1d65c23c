// status: how far a sweep has come, and what came out.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "common/appended_lines.h"
#include "common/files.h"
#include "common/interrupt.h"
#include "common/json.h"
#include "common/text.h"
#include "experiments/cli/checks.h"
#include "experiments/cli/commands.h"
#include "experiments/folder_lock.h"
#include "experiments/latency/latency_cells.h"
#include "experiments/sweep/changed_keys.h"
#include "experiments/sweep/live_view.h"
#include "experiments/sweep/summary.h"
#include "experiments/sweep/trial_checks.h"

namespace rankscope {

namespace {

namespace fs = std::filesystem;

struct StatusCommand {
  std::string folder;
  bool json = false;
};

// How far a trial that is not finished has come, by what its folders hold; empty: not begun.
OrderedJson standing(const SweepFolder& folder, const Trial& trial) {
  OrderedJson json = OrderedJson::object();
  const fs::path train = folder.train_folder(trial), state = train / "state.safetensors";
  if (trial.trains() && is_there(train / "done.json")) json["trained"] = true;
  try {
    if (!json.contains("trained") && is_there(state)) json["saved_step"] = saved_step(state);
    const std::size_t lines =
        AppendedLines::whole_lines(folder.eval_folder(trial) / "predictions.jsonl").size();
    if (lines > 0) json["predictions"] = lines;
  } catch (const std::exception&) {  // damaged, or gone meanwhile: `run` mends it
  }
  return json;
}

std::string standing_text(const OrderedJson& json) {
  if (json.contains("predictions"))
    return fmt::format("{} predictions", json["predictions"].get<int>());
  if (json.contains("trained")) return "trained";
  if (json.contains("saved_step"))
    return fmt::format("step {} saved", json["saved_step"].get<std::int64_t>());
  return "";
}

int show_latency(const SweepFolder& folder, const Manifest& manifest, bool json) {
  const FinishedLatencies found = finished_latencies(folder, manifest);
  for (const LatencyCell& cell : latency_cells(manifest)) {
    const bool done = std::ranges::find(found.unfinished, cell.identity, &LatencyCell::identity) ==
                      found.unfinished.end();
    const char* const state = done ? "done" : "pending";
    if (json) {
      const OrderedJson line = {{"batch", cell.batch}, {"length", cell.length}, {"state", state}};
      std::printf("%s\n", line.dump().c_str());
    } else if (!done) {
      std::printf("%-8s  batch %lld x %lld tokens\n", state, static_cast<long long>(cell.batch),
                  static_cast<long long>(cell.length));
    }
  }
  if (!json)
    std::printf("%s: %zu cells timed, %zu pending\n", manifest.name.c_str(), found.cells.size(),
                found.unfinished.size());
  return 0;
}

int run_status(const StatusCommand& c) {
  exit_at_first_signal();
  const SweepFolder folder{fs::path(c.folder)};
  const Manifest manifest = read_manifest(folder);
  if (manifest.latency) return show_latency(folder, manifest, c.json);
  std::optional<std::map<std::string, IdentityKeys>> former;  // read where a trial needs them
  std::map<std::string, std::size_t> counts;
  const std::vector<TrialResult> results = trial_results(folder, manifest);
  bool damaged = false;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Trial& trial = manifest.trials[i];
    const TrialState ended = results[i].state;
    std::string state(state_name(ended));
    if (ended == TrialState::kPending && is_held(folder.eval_folder(trial))) state = "running";
    ++counts[state];
    std::string remark;
    if (ended == TrialState::kFailed) remark = trial_errors(folder, trial).back();
    if (ended == TrialState::kPending) {
      if (!former) former = former_trainings(folder, manifest);
      remark = changed_keys(trial.train, *former);
    }
    if (!results[i].damage.empty()) {
      remark = results[i].damage + "; `run` mends it";
      damaged = true;
    }
    const OrderedJson progress =
        ended == TrialState::kPending ? standing(folder, trial) : OrderedJson::object();
    if (c.json) {
      OrderedJson line = {{"trial", trial.id()}, {"state", state}, {"title", trial_title(trial)}};
      if (!remark.empty()) line["remark"] = remark;
      line.update(progress);
      if (results[i].rate) line["lr"] = *results[i].rate;
      for (const auto& [metric, found] : results[i].metrics.items())
        line["metrics"][metric] = found.value("value", Json());
      std::printf("%s\n", json_text(line).c_str());
    } else if (state != "done") {
      const std::string so_far = standing_text(progress);
      std::printf("%s  %-8s  %s  %s%s%s\n", trial.id().c_str(), state.c_str(),
                  trial_title(trial).c_str(), so_far.c_str(),
                  so_far.empty() || remark.empty() ? "" : "; ", remark.c_str());
    }
  }
  if (c.json) return damaged ? 1 : 0;
  std::vector<std::string> parts;
  for (const auto& [state, count] : counts) parts.push_back(fmt::format("{} {}", count, state));
  std::printf("%s%zu trials of %s: %s\n", summary_table(manifest, results).c_str(),
              manifest.trials.size(), manifest.name.c_str(),
              fmt::format("{}", fmt::join(parts, ", ")).c_str());
  return damaged ? 1 : 0;
}

}  // namespace

void add_status(CLI::App& app, int& exit_code) {
  auto c = std::make_shared<StatusCommand>();
  CLI::App* command = app.add_subcommand("status", "how far a sweep has come, and what came out");
  command->add_option("folder", c->folder, "the sweep's folder")->required()->check(not_empty());
  command->add_flag("--json", c->json, "a line a trial");
  command->callback([c, &exit_code] { exit_code = run_status(*c); });
}

}  // namespace rankscope
