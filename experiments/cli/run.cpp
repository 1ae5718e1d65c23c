// run: a sweep file's trials, from nothing or from where they stand.
#include <cstdio>
#include <memory>

#include "common/error.h"
#include "common/interrupt.h"
#include "common/json.h"
#include "common/log.h"
#include "common/text.h"
#include "engine/backend/devices.h"
#include "experiments/cli/checks.h"
#include "experiments/cli/commands.h"
#include "experiments/cli/print_rows.h"
#include "experiments/cli/run_latency.h"
#include "experiments/cli/run_plan.h"
#include "experiments/device_names.h"
#include "experiments/limits.h"
#include "experiments/report_run.h"
#include "experiments/sweep/begin_run.h"
#include "experiments/sweep/collect.h"
#include "experiments/sweep/coordinator.h"
#include "experiments/sweep/heal.h"
#include "experiments/sweep/live_view.h"
#include "experiments/sweep/scoring.h"
#include "experiments/sweep/summary.h"
#include "experiments/sweep/trial_pack.h"

namespace rankscope {

namespace {

namespace fs = std::filesystem;

struct RunCommand {
  std::string file, folder;
  std::string device;    // empty: the file's
  int pack_trials = -1;  // below 0: likewise
  std::vector<std::string> overrides;
  RunOptions options;
  bool dry_run = false;
  bool json = false;
};

// What the view shows, the database keeps.
class Observer : public LiveView {
 public:
  Observer(const SweepFolder& folder, const Manifest& manifest, const TrialCosts& costs,
           Collector& collector)
      : LiveView(folder, manifest, costs), collector_(collector) {}
  void ended(const Trial& trial, TrialState state) override {
    LiveView::ended(trial, state);
    if (given_up_) return;
    try {
      const std::string missing = collector_.collect(trial);
      if (!missing.empty()) log::warning("trial {}: {}", trial.id(), missing);
      for (const std::string& problem : collector_.analyse_end(trial).problems)
        log::warning("{}", problem);
    } catch (const InputError& error) {
      // Held by another program, or damaged. The folders hold all, and the run's end tries again: a
      // wait at every trial would only keep the workers waiting.
      log::warning("{}", error.what());
      given_up_ = true;
    }
  }

 private:
  Collector& collector_;
  bool given_up_ = false;
};

// Refused here is what no trial could compute on.
RunOptions options_of(const RunCommand& c, const Sweep& sweep) {
  const std::string& asked = c.device.empty() ? sweep.device : c.device;
  RunOptions options = c.options;
  options.device =
      resolved({.device = asked.empty() ? "cpu" : asked, .precision = sweep.precision}).device;
  refuse_head_dim_of(sweep.base, options.device);
  options.gpus = usable_gpus(gpus());
  options.pack = c.pack_trials < 0 ? sweep.pack_trials : c.pack_trials;
  if (asked.empty() && !options.gpus.empty()) log::info("a GPU is here: --device cuda uses it");
  return options;
}

// Forward passes are timed by this process alone, in an order of their own.
void refuse_trial_options(const RunCommand& c) {
  const char* const option = c.options.workers > 0 ? "--workers"
                             : c.pack_trials >= 0  ? "--pack-trials"
                             : c.options.reversed  ? "--shortest-first"
                                                   : nullptr;
  if (option != nullptr)
    throw InputError(std::string(option) + ": '" + printable_path(c.file) +
                     "' times forward passes and has no trials; leave it out");
}

int run_sweep(const RunCommand& c) {
  const Sweep sweep = read_sweep(c.file, c.overrides);
  const SweepFolder folder(c.folder.empty() ? fs::path("runs") / sweep.name : fs::path(c.folder));
  if (sweep.latency) {
    refuse_trial_options(c);
    return run_latency(sweep, folder, {c.device, c.options.threads, c.dry_run, c.json});
  }
  const RunOptions asked = options_of(c, sweep);
  std::vector<std::string> notes = sweep.notes;
  FileHashes hashes(folder.hashes());
  const Manifest manifest = manifest_of(sweep, name_trials(sweep, hashes, &notes));
  for (const std::string& note : notes) log::info("{}", note);
  const ModelShape shape = read_model_shape(manifest.base);
  const RunOptions options = resolve(asked, manifest, shape);
  if (c.dry_run) {
    exit_at_first_signal();
    print_plan(folder, manifest, shape, options, c.json);
    return 0;
  }
  const std::unique_ptr<const SweepHold> hold = begin_run(folder, manifest, hashes);
  if (const std::size_t former = former_trainings(folder, manifest).size(); former > 0)
    log::info(
        "{} trainings that this file no longer asks for stay in {}; results and reports leave "
        "them out",
        former, (folder.path() / "trials").string());
  for (const std::string& healed : heal_trials(folder, manifest)) log::warning("{}", healed);
  const TrialCosts costs(manifest, shape);
  warn_of_memory(folder, manifest, shape, costs, options);
  if (const std::size_t count = score_again(folder, manifest.trials); count > 0)
    log::info("{} finished trials were scored again, by metrics that are newer than theirs", count);
  Collector collector(folder, manifest);
  for (const std::string& problem : collector.collect_all()) log::warning("{}", problem);
  RunSummary summary;
  {
    Observer observer(folder, manifest, costs, collector);
    summary = run_trials(folder, manifest, costs, options, observer);
  }
  // Trials that diverged count as the base, which may have been scored after them.
  std::vector<std::string> problems = collector.collect_all();
  const AnalysisSummary analysed = collector.analyse(AnalysisScope::kAll);
  problems.insert(problems.end(), analysed.problems.begin(), analysed.problems.end());
  for (std::string& healed : start_over(folder, manifest, analysed.altered))
    problems.push_back(std::move(healed));
  for (const std::string& problem : problems) log::warning("{}", problem);
  std::vector<TrialResult> results = trial_results(folder, manifest);
  for (std::size_t i = 0; i < results.size(); ++i)
    if (collector.refused().contains(manifest.trials[i].id()))
      results[i] = {TrialState::kFailed, {}};  // as in the database
  const std::string end = fmt::format(
      "{}{} trials: {} done and {} diverged in {}, {} finished earlier, {} failed\nresults: {}",
      summary_table(manifest, results), manifest.trials.size(), summary.done, summary.diverged,
      duration_text(summary.seconds), summary.already_done, summary.failed,
      folder.database().string());
  if (c.json)
    log::info("{}", end);
  else
    print_text(end + "\n");
  // Before what the report says of itself on standard error, where both go to one file.
  std::fflush(stdout);
  const bool reported = !sweep.report || report_into(folder.path());
  if (c.json) {
    const OrderedJson line = {{"trials", manifest.trials.size()},
                              {"done", summary.done},
                              {"diverged", summary.diverged},
                              {"failed", summary.failed},
                              {"already_done", summary.already_done},
                              {"seconds", summary.seconds},
                              {"worker_seconds", summary.worker_seconds},
                              {"database", folder.database().string()}};
    std::printf("%s\n", json_text(line).c_str());
  }
  return summary.failed > 0 || !problems.empty() || !reported ? 1 : 0;
}

}  // namespace

void add_run(CLI::App& app, int& exit_code) {
  auto c = std::make_shared<RunCommand>();
  CLI::App* command = app.add_subcommand("run", "train, predict and score a sweep's trials");
  command->add_option("sweep", c->file, "the sweep file (experiments/sweep/SWEEP_FILE.md)")
      ->required()
      ->check(not_empty())
      ->check(no_standard_input());
  every_word(command->add_option("overrides", c->overrides,
                                 "KEY=VALUE in place of the file's, keys dotted"));
  command->add_option("--dir", c->folder, "the sweep's folder; default: runs/NAME")
      ->check(not_empty());
  command
      ->add_option("--device", c->device,
                   "cpu, cuda (all GPUs of compute capability 8.0 or later, the workers taking "
                   "turns), cuda:N, or auto; default: the "
                   "file's, else cpu")
      ->check(not_empty());
  command
      ->add_option("--workers", c->options.workers,
                   "processes; 0: as cores and memory (of the machine, or its job or container) "
                   "allow, or one a GPU")
      ->transform(whole_number(0, kMostThreads));
  command->add_option("--threads", c->options.threads, "of each worker; 0: the cores shared out")
      ->transform(whole_number(0, kMostThreads));
  command
      ->add_option("--pack-trials", c->pack_trials,
                   "trials that a worker trains together at most; 0: as many as fill a GPU; "
                   "default: the file's, else 1")
      ->transform(whole_number(0, kMostTrialsInAPack));
  command->add_flag("--shortest-first", c->options.reversed,
                    "run the trials in the reverse of the usual order (no result depends on it)");
  command->add_flag("--dry-run", c->dry_run, "print the trials and what they would cost");
  command->add_flag("--json", c->json,
                    "one line of JSON at the end; with --dry-run a line a trial");
  command->callback([c, &exit_code] { exit_code = run_sweep(*c); });
}

}  // namespace rankscope
