// What `run` shows while trials run: on a terminal a line a worker and the whole sweep's bar, in a
// pipe plain lines.
#pragma once

#include <chrono>
#include <map>
#include <string>

#include "experiments/sweep/coordinator.h"

namespace rankscope {

class LiveView : public RunObserver {
 public:
  // Of the trials in the manifest that are still to be run.
  LiveView(const SweepFolder& folder, const Manifest& manifest, const TrialCosts& costs);
  ~LiveView() override;  // leaves nothing half drawn

  void started(const Trial& trial) override;
  void progressed(const Trial& trial, const TrialProgress& progress) override;
  void ended(const Trial& trial, TrialState state) override;
  void attempt_failed(const Trial& trial, const std::string& error, int attempt) override;
  void idle() override;

 private:
  using Clock = std::chrono::steady_clock;

  double fraction_of(const Trial& trial, const TrialProgress& progress) const;
  double part_done() const;
  std::string bar_text() const;
  void draw();
  void erase();
  void say(const std::string& line);

  std::map<std::string, double> costs_;  // of what was to be run, by id
  std::map<std::string, std::pair<const Trial*, TrialProgress>> running_;
  double total_cost_ = 0, ended_cost_ = 0;
  std::size_t total_ = 0, finished_ = 0;
  bool terminal_ = false;
  int drawn_ = 0;  // lines
  Clock::time_point begin_, drawn_at_;
};

// "lora Wq+Wv r8 wikisql seed 1": what people call a trial.
std::string trial_title(const Trial& trial);
// "step 3/10  loss 2.1000  500 tokens/s".
std::string progress_text(const TrialProgress& progress);
// "1:02:03" or "2:03".
std::string duration_text(double seconds);

}  // namespace rankscope
