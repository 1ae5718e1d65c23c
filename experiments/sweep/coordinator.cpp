#include "experiments/sweep/coordinator.h"

#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <list>
#include <map>
#include <set>
#include <utility>

#include "common/error.h"
#include "common/interrupt.h"
#include "experiments/device_names.h"
#include "experiments/sweep/trial_pack.h"
#include "experiments/sweep/worker.h"

namespace rankscope {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int kPollMilliseconds = 200;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

using Pack = std::vector<const Trial*>;

std::vector<std::string> ids_of(const Pack& trials) {
  std::vector<std::string> ids;
  for (const Trial* trial : trials) ids.push_back(trial->id());
  return ids;
}

struct Running {
  Running(const SweepFolder& folder, Pack pack, int at, const RunOptions& options)
      : trials(std::move(pack)),
        place(at),
        worker(worker_command(folder.path(), ids_of(trials),
                              worker_device(options.device, place, options.gpus), options.threads),
               folder.eval_folder(*trials.front()) / "log.txt"),
        start(Clock::now()) {}
  Pack trials;
  int place;  // among the workers, from 0: its device follows from it
  Worker worker;
  Clock::time_point start;
};

class Run {
 public:
  Run(const SweepFolder& folder, const Manifest& manifest, const TrialCosts& costs,
      const RunOptions& options, RunObserver& observer)
      : folder_(folder),
        manifest_(manifest),
        options_(options),
        observer_(observer),
        workers_(options.workers) {
    for (const Trial& trial : manifest.trials) {
      clear_trial_errors(folder, trial);
      states_[trial.id()] = trial_state(folder, trial);
      if (states_[trial.id()] == TrialState::kPending)
        waiting_.push_back(&trial);
      else
        ++summary_.already_done;
    }
    std::map<const Trial*, double> cost;  // once each: a sort asks many times
    for (const Trial* trial : waiting_) cost[trial] = costs.left_of(*trial, folder);
    std::stable_sort(waiting_.begin(), waiting_.end(), [&](const Trial* a, const Trial* b) {
      if (a->is_tuning() != b->is_tuning()) return a->is_tuning();
      const double cost_a = cost.at(a), cost_b = cost.at(b);
      return options.reversed ? cost_a < cost_b : cost_a > cost_b;
    });
  }

  RunSummary run() {
    try {
      return run_all();
    } catch (...) {
      // A fault of the coordinator's own, as a full disk: the workers save what they have.
      stop_workers();
      for (Running& one : running_) one.worker.wait_for_output();
      throw;
    }
  }

 private:
  RunSummary run_all() {
    const Clock::time_point start = Clock::now();
    while (!waiting_.empty() || !running_.empty()) {
      if (stop_requested()) stop_workers();
      if (!stopping_) start_workers();
      if (running_.empty()) break;
      wait_for_events();
      observer_.idle();
    }
    summary_.seconds = seconds_since(start);
    if (!machine_error_.empty()) throw MachineError(machine_error_);
    if (stop_requested()) throw Interrupted("interrupted; the same command goes on from here");
    return summary_;
  }

  void stop_workers() {
    if (std::exchange(stopping_, true)) return;
    for (const Running& one : running_) one.worker.interrupt();
  }

  void start_workers() {
    while (running_.size() < static_cast<std::size_t>(workers_)) {
      const auto next = std::ranges::find_if(waiting_, [&](const Trial* t) { return ready(*t); });
      if (next == waiting_.end()) return;
      const Pack pack = pack_from(**next);
      for (const Trial* trial : pack) {
        std::erase(waiting_, trial);
        make_trial_folder(folder_, *trial);
      }
      running_.emplace_back(folder_, pack, free_place(), options_);
      for (const Trial* trial : pack) observer_.started(*trial);
    }
  }

  // The trial, and others that a worker can train with it: a share of those that wait, so that none
  // of the workers stands idle.
  Pack pack_from(const Trial& first) const {
    Pack pack{&first};
    if (options_.pack < 2 || !can_pack(first) || alone_.contains(&first)) return pack;
    Pack fitting;
    std::set<std::string> adapters{first.train_hash};
    for (const Trial* trial : waiting_)
      if (trial->config.precision == first.config.precision && !alone_.contains(trial) &&
          ready(*trial) && can_pack(*trial) && adapters.insert(trial->train_hash).second)
        fitting.push_back(trial);
    const auto free = static_cast<std::size_t>(workers_) - running_.size();
    const std::size_t share = (fitting.size() + 1 + free - 1) / free;
    for (const Trial* trial : fitting)
      if (pack.size() < std::min(share, static_cast<std::size_t>(options_.pack)))
        pack.push_back(trial);
    return pack;
  }

  int free_place() const {
    int place = 0;
    while (std::ranges::any_of(running_, [&](const Running& one) { return one.place == place; }))
      ++place;
    return place;
  }

  bool ready(const Trial& trial) const {
    for (const std::string& id : trial.tuning_trials)
      if (states_.at(id) == TrialState::kPending) return false;
    return std::ranges::none_of(running_, [&](const Running& one) {
      return std::ranges::any_of(
          one.trials, [&](const Trial* other) { return other->train_hash == trial.train_hash; });
    });
  }

  void wait_for_events() {
    std::vector<pollfd> polled;
    for (const Running& one : running_) polled.push_back({one.worker.descriptor(), POLLIN, 0});
    ::poll(polled.data(), polled.size(), kPollMilliseconds);
    for (auto one = running_.begin(); one != running_.end();) {
      const Pack pack = one->trials;
      const bool open = one->worker.read_events([&](const Json& event) {
        if (const Trial* trial = trial_of(event, pack))
          observer_.progressed(*trial, progress_of(event));
        const auto warning = event.find("warning");
        if (warning != event.end() && warning->is_string())
          for (const Trial* trial : pack) observer_.warned(*trial, warning->get<std::string>());
      });
      if (open) {
        ++one;
        continue;
      }
      const Worker::End end = one->worker.wait();
      summary_.worker_seconds += seconds_since(one->start);
      running_.erase(one++);
      const bool beside = end.exit_code == 128 + SIGKILL && !running_.empty() && !stopping_;
      if (beside) {
        workers_ = static_cast<int>(running_.size());
        observer_.fewer_workers(workers_);
      }
      for (const Trial* trial : pack) ended(*trial, end, beside || pack.size() > 1);
    }
  }

  static const Trial* trial_of(const Json& event, const Pack& pack) {
    const auto id = event.find("trial");
    if (id == event.end() || !id->is_string()) return nullptr;
    const auto found = std::ranges::find_if(pack, [&](const Trial* t) { return *id == t->id(); });
    return found == pack.end() ? nullptr : *found;
  }

  // An event that is not as `trial --json` writes it shows nothing and harms nothing.
  static TrialProgress progress_of(const Json& event) {
    TrialProgress progress;
    const auto number = [&](const char* key) {
      const auto found = event.find(key);
      return found != event.end() && found->is_number() ? found->get<double>() : 0.0;
    };
    const auto phase = event.find("phase");
    if (phase != event.end() && *phase == "evaluation")
      progress.phase = TrialProgress::Phase::kEvaluation;
    progress.done = static_cast<std::int64_t>(number("done"));
    progress.of = static_cast<std::int64_t>(number("of"));
    progress.loss = number("loss");
    progress.tokens_per_second = number("tokens_per_second");
    return progress;
  }

  // `shared`: others may have been what ended it, trained with it or beside it.
  void ended(const Trial& trial, const Worker::End& end, bool shared) {
    // What the folder says counts: a worker may be killed after its last file was written.
    TrialState state = trial_state(folder_, trial);
    if (is_finished(state)) {
      ++(state == TrialState::kDone ? summary_.done : summary_.diverged);
      states_[trial.id()] = state;
      // A result is the same whatever went wrong on the way to it.
      clear_trial_errors(folder_, trial);
      observer_.ended(trial, state);
      return;
    }
    if (end.exit_code == 130) {
      observer_.put_back(trial);
      if (!stopping_) waiting_.insert(waiting_.begin(), &trial);  // somebody stopped the worker
      return;
    }
    if (end.exit_code == 3) {
      if (machine_error_.empty()) machine_error_ = "trial " + trial.id() + ": " + end.error;
      stop_workers();
      return;
    }
    if (shared) {
      // Which of them it was, and whether it was more than their number, shows where each is alone.
      observer_.put_back(trial);
      alone_.insert(&trial);
      waiting_.insert(waiting_.begin(), &trial);
      return;
    }
    add_trial_error(folder_, trial, end.error);
    const auto attempts = static_cast<int>(trial_errors(folder_, trial).size());
    observer_.attempt_failed(trial, end.error, attempts);
    state = trial_state(folder_, trial);
    states_[trial.id()] = state;
    if (state == TrialState::kPending) {
      waiting_.insert(waiting_.begin(), &trial);
      return;
    }
    ++summary_.failed;
    observer_.ended(trial, state);
    if (trial.is_tuning()) fail_dependents(trial);
  }

  // However often they were tried, there would be no rate to train them with.
  void fail_dependents(const Trial& run) {
    for (const Trial* trial : Pack(waiting_)) {
      if (std::ranges::find(trial->tuning_trials, run.id()) == trial->tuning_trials.end()) continue;
      std::erase(waiting_, trial);
      fail_trial(
          folder_, *trial,
          "its learning rate cannot be tuned: " + failed_tuning_run(folder_, manifest_, *trial));
      states_[trial->id()] = TrialState::kFailed;
      ++summary_.failed;
      observer_.ended(*trial, TrialState::kFailed);
    }
  }

  const SweepFolder& folder_;
  const Manifest& manifest_;
  const RunOptions& options_;
  RunObserver& observer_;
  std::vector<const Trial*> waiting_;
  std::set<const Trial*> alone_;  // that are not packed any more
  std::list<Running> running_;
  std::map<std::string, TrialState> states_;
  RunSummary summary_;
  std::string machine_error_;
  int workers_;  // at a time, at most
  bool stopping_ = false;
};

}  // namespace

RunSummary run_trials(const SweepFolder& folder, const Manifest& manifest, const TrialCosts& costs,
                      const RunOptions& options, RunObserver& observer) {
  return Run(folder, manifest, costs, options, observer).run();
}

}  // namespace rankscope
