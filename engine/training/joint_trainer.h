// JointTrainer: several trials on one base, trained together. The base's passes are shared over the
// concatenated rows of all, each trial's adapter is applied to its own, and every trial ends with
// the bits that it has where it trains alone on the same device.
#pragma once

#include <vector>

#include "engine/training/trainer.h"

namespace rankscope {

class JointTrainer {
 public:
  // Trainers of one Model object, with adaptations of their own that train low-rank updates alone
  // and without base dropout (can_join); they and the model must outlive this.
  explicit JointTrainer(Model& model) : model_(model) {}

  // Whether a trial of this adaptation and these settings can share its base's passes.
  static bool can_join(Adaptation& adaptation, const TrainSettings& settings);

  // One step of each trainer, as its own step() would make it, in their order. `seconds` of a
  // report is the trainer's share of the time, by its tokens. Throws Interrupted likewise.
  std::vector<StepReport> step(std::span<Trainer* const> trainers);

 private:
  Model& model_;
};

}  // namespace rankscope
