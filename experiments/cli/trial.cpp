// trial: runs trials of a sweep's folder; what workers execute.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "common/error.h"
#include "common/interrupt.h"
#include "common/json.h"
#include "common/log.h"
#include "common/text.h"
#include "experiments/cli/checks.h"
#include "experiments/cli/commands.h"
#include "experiments/limits.h"
#include "experiments/sweep/live_view.h"
#include "experiments/sweep/trial_pack.h"

namespace rankscope {

namespace {

// Of a line that a pipe takes whole.
constexpr std::size_t kLongestWarning = 1000;

struct TrialCommand {
  std::string folder;
  std::vector<std::string> ids;
  TrialRunOptions options;
  bool json = false;
};

// At once, and whole or not at all where standard output does not wait for its reader: a
// coordinator that is at other work keeps no worker from its own.
void put_event(const OrderedJson& event) {
  const std::string line = event.dump() + "\n";
  const ssize_t written = ::write(STDOUT_FILENO, line.data(), line.size());
  if (written < 0 && errno == EAGAIN) return;
  // What is wrong with standard output is said when the program flushes it.
  std::fputs(line.c_str() + std::max<ssize_t>(written, 0), stdout);
  std::fflush(stdout);
}

void print_event(const Trial& trial, const TrialProgress& p) {
  OrderedJson event;
  event["trial"] = trial.id();
  event["phase"] = p.phase == TrialProgress::Phase::kTraining ? "training" : "evaluation";
  event["done"] = p.done;
  event["of"] = p.of;
  if (p.phase == TrialProgress::Phase::kTraining) event["loss"] = p.loss;
  event["tokens_per_second"] = p.tokens_per_second;
  put_event(event);
}

int run_trials_of(const TrialCommand& c) {
  stop_when_output_closes();
  constexpr std::chrono::milliseconds kBetweenEvents{200};
  // When the coordinator is killed nobody reads the events, and there is still a state to be saved.
  if (c.json) {
    std::signal(SIGPIPE, SIG_IGN);
    // Standard error is a log file that nobody may look into.
    log::set_warning_listener([](std::string_view message) {
      put_event({{"warning", printable(message, kLongestWarning)}});
    });
  }
  const SweepFolder folder{std::filesystem::path(c.folder)};
  std::list<Manifest> manifests;
  std::vector<PackedTrial> trials;
  std::set<std::string> named;  // two beginnings of an id name one trial
  for (const std::string& id : c.ids) {
    const Manifest& manifest = manifests.emplace_back(read_manifest_for(folder, id));
    const Trial& trial = find_trial(manifest, id);
    if (named.insert(trial.id()).second) trials.push_back({manifest, trial});
  }
  std::optional<log::Progress> progress;
  if (!c.json) progress.emplace();
  std::map<std::string, std::chrono::steady_clock::time_point> last;  // event of each trial
  const auto on_progress = [&](const Trial& trial, const TrialProgress& p) {
    if (progress) return progress->update(progress_text(p));
    const auto now = std::chrono::steady_clock::now();
    const auto [before, first] = last.emplace(trial.id(), now);
    if (!first && now - before->second < kBetweenEvents && p.done != p.of) return;
    before->second = now;
    print_event(trial, p);
  };
  const auto on_end = [&](const Trial& trial, TrialState state) {
    if (progress)
      return progress->finish(fmt::format("trial {}: {}", trial.id(), state_name(state)));
    put_event({{"trial", trial.id()}, {"state", state_name(state)}});
  };
  run_pack(folder, trials, c.options, on_progress, on_end);
  if (!c.json)
    log::info("`collect {}` brings the results into {}", c.folder, folder.database().string());
  return 0;
}

}  // namespace

void add_trial(CLI::App& app, int& exit_code) {
  auto c = std::make_shared<TrialCommand>();
  CLI::App* command = app.add_subcommand(
      "trial", "run trials of a sweep's folder; several are trained together where they can be");
  command->add_option("folder", c->folder, "the folder that `run` made")
      ->required()
      ->check(not_empty());
  every_word(command->add_option("trial", c->ids, "trials' ids, or their beginnings"))
      ->required()
      ->check(not_empty());
  command
      ->add_option("--device", c->options.device,
                   "cpu, cuda, cuda:N, or auto: a GPU of compute capability 8.0 or later where "
                   "there is one; the precision is the "
                   "trial's own")
      ->capture_default_str();
  command->add_option("--threads", c->options.threads, "of the CPU; 0: all processors")
      ->transform(whole_number(0, kMostThreads));
  command
      ->add_option("--save-minutes", c->options.save_every_minutes,
                   "minutes between two resume points")
      ->capture_default_str()
      ->check(real_number(0, 1e6));
  command->add_flag("--json", c->json, "events as JSON Lines on standard output");
  command->callback([c, &exit_code] { exit_code = run_trials_of(*c); });
}

}  // namespace rankscope
