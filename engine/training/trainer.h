// Trainer: the training loop of one trial on one model. Which examples a step takes, and what is
// drawn in it, is a function of the seeds and the step alone, so that a run which stops and goes on
// from a resume point ends with the same bits.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/methods/method.h"
#include "engine/models/batch.h"
#include "engine/models/model.h"
#include "engine/training/adamw.h"
#include "engine/training/schedule.h"

namespace rankscope {

// Warm-up in one of three units; a ratio is of the steps, tokens are counted over the batches that
// the data order gives (the warm-up ends with the step that reaches them).
struct Warmup {
  enum class Unit { kSteps, kTokens, kRatio } unit = Unit::kSteps;
  double amount = 0;
};

struct TrainSettings {
  int64_t steps = 0;
  int64_t batch = 8;  // sequences a step
  // Bound of what is computed at once, a longer example alone; sets the memory.
  int64_t micro_batch_tokens = 1024;
  double learning_rate = 2e-4;
  Schedule schedule = Schedule::kLinear;
  Warmup warmup;
  AdamWSettings adamw;
  double max_gradient_norm = 0;  // 0: no clipping
  double label_smoothing = 0;
  bool base_dropout = false;  // apply the dropouts that the base's config states
  uint64_t init_seed = 0;
  uint64_t data_seed = 0;

  // Reads (and marks as known) the training keys; "seed" sets both seeds.
  static TrainSettings from(class Settings& settings);
  // Everything above as text: part of a run's identity.
  std::map<std::string, std::string> canonical() const;
};

struct StepReport {
  int64_t step = 0;  // from 1, of the update just made
  double loss = 0;   // mean over the step's target tokens, smoothed where asked
  double learning_rate = 0;
  double gradient_norm = 0;  // before clipping
  int64_t tokens = 0;
  int64_t target_tokens = 0;
  double useful_flops = 0;
  double seconds = 0;
  // The loss or a gradient was not finite, and no update was made; or the last update of all left a
  // parameter that is not. The step counts as not done.
  bool diverged = false;
};

// Negative log-likelihoods of a set of examples, in nats.
struct Evaluation {
  std::vector<double> nll;      // a line: summed over its target tokens
  std::vector<int64_t> tokens;  // target tokens that carry loss
  double mean() const;          // per target token
};

class Trainer {
 public:
  // `examples`, checked against the model by whoever read them, must outlive the trainer.
  Trainer(Model& model, Adaptation& adaptation, const std::vector<TokenExample>& examples,
          TrainSettings settings);

  static constexpr const char* kInterruptedStep = "interrupted within a step";

  bool finished() const { return step_ >= settings_.steps; }
  int64_t steps_done() const { return step_; }
  // Whether all steps have fewer tokens than a warm-up in tokens asks for: the rate then rises over
  // all of them.
  bool warmup_is_cut() const { return warmup_is_cut_; }
  // The next step. Throws std::logic_error when finished. Throws Interrupted where a stop was
  // requested before one of its micro-batches: save_state() then writes the state before the step,
  // and no further step is to be made.
  StepReport step();

  // The whole of the training state. `identity` names everything that may not differ on resumption
  // (configuration, model, data, instruction set); a resume point of another identity is refused by
  // load_state, which says which part differs. Written atomically.
  using Identity = std::map<std::string, std::string>;
  void save_state(const std::filesystem::path& file, const Identity& identity);
  void load_state(const std::filesystem::path& file, const Identity& identity);

  // Example indices of a step (from 0).
  std::vector<int64_t> step_examples(int64_t step) const;

 private:
  friend class JointTrainer;

  // One step's work, in micro-batches, and what was added up of it so far.
  struct StepWork {
    std::vector<const TokenExample*> examples;
    std::vector<uint64_t> draw_ids;
    std::vector<size_t> groups;  // micro-batch g: examples [groups[g], groups[g + 1])
    LossOptions loss_options;
    double per_target = 0;
    double loss = 0;
    StepReport report;

    size_t micro_batches() const { return groups.size() - 1; }
    std::span<const TokenExample* const> group(size_t g) const {
      return std::span(examples).subspan(groups[g], groups[g + 1] - groups[g]);
    }
    std::span<const uint64_t> group_ids(size_t g) const {
      return std::span(draw_ids).subspan(groups[g], groups[g + 1] - groups[g]);
    }
  };
  // The work of step `step` (from 0), which is this one or the next.
  StepWork begin_step(int64_t step) const;
  // A step's work with its first micro-batch, made while a device still computed the step before.
  struct PreparedStep {
    int64_t step = -1;
    StepWork work;
    Batch batch;
  };
  PreparedStep prepare(int64_t step) const;
  // Adds the losses of sequences [begin, end) of the batch.
  static void add_losses(StepWork& work, const Batch& batch, std::span<const float> losses,
                         int64_t begin, int64_t end);
  // The optimizer's update, unless the step diverged (StepReport). squares: the sum of those of all
  // gradients.
  StepReport end_step(StepWork& work, double squares);
  double learning_rate_at(int64_t step) const;

  Model& model_;
  Adaptation& adaptation_;
  // As they are computed: with the method's special tokens, where it has such.
  std::shared_ptr<const std::vector<TokenExample>> examples_;
  TrainSettings settings_;
  SharedRows shared_rows_;
  AdamW optimizer_;
  int64_t warmup_steps_ = 0;
  bool warmup_is_cut_ = false;
  int64_t step_ = 0;
  std::optional<PreparedStep> ahead_;
  // The order of the examples in the epoch that was last asked for.
  mutable int64_t ordered_epoch_ = -1;
  mutable std::vector<uint64_t> order_;
};

// "KEY was A and is now B" of the first key in which two identities differ, one that may follow
// from others last; "(absent)" for the value that one of them lacks; empty where they are the same.
std::string identity_difference(const Trainer::Identity& saved, const Trainer::Identity& now);

// Evaluates without recording; micro-batches hold at most `micro_batch_tokens`. `before_each` is
// called before each of them, and ends the evaluation by what it throws.
Evaluation evaluate(const Model& model, const Adaptation* adaptation,
                    const std::vector<TokenExample>& examples, int64_t micro_batch_tokens,
                    const std::function<void()>& before_each = {});

}  // namespace rankscope
