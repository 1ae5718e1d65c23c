// What `run` shows while trials run: on a terminal a line a worker and the whole sweep's bar, in a
// pipe plain lines.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "experiments/sweep/coordinator.h"

namespace rankscope {

// How much of the work of a run's trials is done, in the units of their costs, and how fast: what
// earlier runs did is done, but took no time of this one.
class WorkDone {
 public:
  void add(const std::string& trial, double cost);
  // `part` of the trial is done, from 0 to 1; `before`: what was before the first report of it.
  void came_to(const std::string& trial, double part, double before);
  // Nobody works on it; how far it came is not known until the next report.
  void left(const std::string& trial);
  void ended(const std::string& trial);
  // It failed: no work is left of it, and none was done.
  void dropped(const std::string& trial);

  double part() const;  // of all, from 0 to 1
  // Of a run that took so many; nothing before it did a hundredth of all, and after the end.
  std::optional<double> seconds_left(double seconds) const;

 private:
  struct One {
    double cost = 0, part = 0;
    std::optional<double> before;  // this run
  };
  double sum(bool of_this_run) const;

  std::map<std::string, One> trials_;
  double total_ = 0;
};

class LiveView : public RunObserver {
 public:
  // Of the trials in the manifest that are still to be run.
  LiveView(const SweepFolder& folder, const Manifest& manifest, const TrialCosts& costs);
  ~LiveView() override;  // leaves nothing half drawn, and says how many trials shared a warning

  void started(const Trial& trial) override;
  void progressed(const Trial& trial, const TrialProgress& progress) override;
  void warned(const Trial& trial, const std::string& warning) override;
  void ended(const Trial& trial, TrialState state) override;
  void attempt_failed(const Trial& trial, const std::string& error, int attempt) override;
  void put_back(const Trial& trial) override;
  void fewer_workers(int workers) override;
  void idle() override;

 private:
  using Clock = std::chrono::steady_clock;

  std::string bar_text() const;
  void draw();
  void erase();
  void say(const std::string& line);

  WorkDone work_;                       // of what was to be run
  std::set<std::string> trained_here_;  // trials whose training was to be run, too
  std::map<std::string, std::pair<const Trial*, TrialProgress>> running_;
  std::map<std::string, std::set<std::string>> warned_;  // trials, by the sentence
  std::size_t total_ = 0, finished_ = 0;
  bool terminal_ = false;
  int drawn_ = 0;  // lines
  Clock::time_point begin_, drawn_at_;
};

// "lora Wq+Wv r8 wikisql seed 1": what people call a trial.
std::string trial_title(const Trial& trial);
// What part of a trial's work that is: of training and evaluation, or of its evaluation alone.
double part_done(const TrialProgress& progress, bool training_counts);
// "step 3/10  loss 2.1000  500 tokens/s".
std::string progress_text(const TrialProgress& progress);
// "1:02:03" or "2:03".
std::string duration_text(double seconds);

}  // namespace rankscope
