// A base from nothing: what `rankscope pretrain` does.
#pragma once

#include <filesystem>
#include <functional>

#include "common/json.h"
#include "experiments/pretrain/pretrain_file.h"
#include "experiments/train_run.h"

namespace rankscope {

struct PretrainRunOptions {
  std::filesystem::path out;
  int threads = 0;
};

struct PretrainOutcome {
  bool already_done = false;  // the base stood there; then `training` is empty
  TrainOutcome training;
  OrderedJson record;  // of the base (PRETRAIN_FILE.md); null where the training diverged
};

// Documents, tokenizer, initial weights, training, base: each stage leaves its result in `out`
// whole or not at all, and a run that was stopped anywhere goes on to the same bits. Throws
// Interrupted after saving where a stop was requested, InputError where `out` holds another
// pretraining.
PretrainOutcome run_pretrain(const PretrainPlan& plan, const PretrainRunOptions& options,
                             const std::function<void(const TrainProgress&)>& on_step);

}  // namespace rankscope
