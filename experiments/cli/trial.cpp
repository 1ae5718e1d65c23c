// trial: runs one trial of a sweep's folder; what workers execute.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>

#include "common/error.h"
#include "common/json.h"
#include "common/log.h"
#include "experiments/cli/checks.h"
#include "experiments/cli/commands.h"
#include "experiments/sweep/live_view.h"
#include "experiments/sweep/trial_run.h"

namespace rankscope {

namespace {

struct TrialCommand {
  std::string folder, id;
  TrialRunOptions options;
  bool json = false;
};

void print_event(const TrialProgress& p) {
  OrderedJson event;
  event["phase"] = p.phase == TrialProgress::Phase::kTraining ? "training" : "evaluation";
  event["done"] = p.done;
  event["of"] = p.of;
  if (p.phase == TrialProgress::Phase::kTraining) event["loss"] = p.loss;
  event["tokens_per_second"] = p.tokens_per_second;
  std::printf("%s\n", event.dump().c_str());
  std::fflush(stdout);
}

int run_one(const TrialCommand& c) {
  constexpr std::chrono::milliseconds kBetweenEvents{200};
  // When the coordinator is killed nobody reads the events, and there is still a state to be saved.
  if (c.json) std::signal(SIGPIPE, SIG_IGN);
  const SweepFolder folder{std::filesystem::path(c.folder)};
  const Manifest manifest = read_manifest_for(folder, c.id);
  const Trial& trial = find_trial(manifest, c.id);
  std::optional<log::Progress> progress;
  if (!c.json) progress.emplace();
  auto last = std::chrono::steady_clock::now() - kBetweenEvents;
  const TrialState state =
      run_trial(folder, manifest, trial, c.options, [&](const TrialProgress& p) {
        if (progress) return progress->update(progress_text(p));
        const auto now = std::chrono::steady_clock::now();
        if (now - last < kBetweenEvents && p.done != p.of) return;
        last = now;
        print_event(p);
      });
  const OrderedJson end = {{"trial", trial.id()}, {"state", state_name(state)}};
  if (progress)
    progress->finish(fmt::format("trial {}: {}", trial.id(), state_name(state)));
  else
    std::printf("%s\n", end.dump().c_str());
  return 0;
}

}  // namespace

void add_trial(CLI::App& app, int& exit_code) {
  auto c = std::make_shared<TrialCommand>();
  CLI::App* command = app.add_subcommand("trial", "run one trial of a sweep's folder");
  command->add_option("folder", c->folder, "the folder that `run` made")
      ->required()
      ->check(not_empty());
  command->add_option("trial", c->id, "the trial's id, or its beginning")
      ->required()
      ->check(not_empty());
  command
      ->add_option("--device", c->options.device,
                   "cpu, cuda, cuda:N, or auto: a GPU where there is one; the precision is the "
                   "trial's own")
      ->capture_default_str();
  command->add_option("--threads", c->options.threads, "of the CPU; 0: all processors")
      ->check(whole_number(0, kMostThreads));
  command
      ->add_option("--save-minutes", c->options.save_every_minutes,
                   "minutes between two resume points")
      ->capture_default_str()
      ->check(real_number(0, 1e6));
  command->add_flag("--json", c->json, "events as JSON Lines on standard output");
  command->callback([c, &exit_code] { exit_code = run_one(*c); });
}

}  // namespace rankscope
