// A training run on a model that others may share: set up, one step's bookkeeping at a time,
// finished.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "experiments/run_folder.h"
#include "experiments/train_run.h"

namespace rankscope {

// Speed over the steps made in this process. The first step, in which weights are packed and memory
// is touched for the first time, is set-up: it counts only as long as there is no other.
class StepRate {
 public:
  void add(const StepReport& step);
  double tokens_per_second() const { return tokens_ / seconds_; }
  double useful_gflops() const { return flops_ / seconds_ * 1e-9; }
  double seconds_a_step() const;

 private:
  int64_t steps_ = 0;
  double seconds_ = 0, tokens_ = 0, flops_ = 0;
};

// What the run's settings say. Throws InputError for those that cannot be.
struct RunSettings {
  explicit RunSettings(const TrainRunOptions& options);
  std::unique_ptr<Method> method;
  TrainSettings train;
};

// The steps of `batch` examples that go over `examples` so many times, the last one begun counted.
std::int64_t steps_of_epochs(double epochs, std::int64_t examples, std::int64_t batch);

class TrainSession {
 public:
  using OnStep = std::function<void(const TrainProgress&)>;

  // Reads what the run needs, goes on from its resume point, and takes its folder. The model must
  // outlive the session, and `start` is when its work began. Throws as run_training.
  TrainSession(const TrainRunOptions& options, Model& model,
               std::chrono::steady_clock::time_point start);
  TrainSession(const TrainSession&) = delete;
  TrainSession& operator=(const TrainSession&) = delete;

  // Whether an earlier process finished it; then only finish() may follow.
  bool already_done() const { return outcome_.already_done; }
  bool finished() const { return already_done() || outcome_.diverged || trainer_->finished(); }
  Trainer& trainer() { return *trainer_; }
  Adaptation& adaptation() { return *adaptation_; }
  const TrainSettings& settings() const { return train_; }

  // What follows a step that the trainer has made: the curve, the held-out loss, a resume point.
  void stepped(const StepReport& step, const OnStep& on_step);
  // A resume point, where the run is kept.
  void save();
  // Throws Interrupted, having saved, or with what to do where nothing is kept.
  [[noreturn]] void stop();
  // Saves the adapter and the result.
  TrainOutcome finish();

 private:
  TrainRunOptions options_;
  Model& model_;
  std::unique_ptr<Method> method_;
  TrainSettings train_;
  LoadedExamples read_, read_held_out_;
  const LoadedExamples* loaded_ = nullptr;
  const LoadedExamples* held_out_ = nullptr;
  std::unique_ptr<RunFolder> folder_;
  std::unique_ptr<Adaptation> adaptation_;
  std::unique_ptr<Trainer> trainer_;
  BestStep best_;
  StepRate rate_;
  std::chrono::steady_clock::time_point last_save_;
  TrainOutcome outcome_;
};

}  // namespace rankscope
