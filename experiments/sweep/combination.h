// One combination of a group's values, made as the engine would make it.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "experiments/sweep/sweep_keys.h"
#include "experiments/sweep/sweep_plan.h"

namespace rankscope {

struct Combination {
  // `values`: what the group, its grid and its zip give, over what `training` gives. Throws
  // InputError with the place of the key that the method, the trainer or the base refuses.
  Combination(const GroupPlan& group, std::map<std::string, YamlValue> values,
              const std::map<std::string, YamlValue>& training, const ModelShape& shape);

  TrialConfig trial;  // without group, task, seed and tuning
  bool tuned = false;
  std::optional<YamlValue> lr_place;
  std::optional<YamlValue> data_seed_place;
  std::optional<YamlValue> warmup_steps_place;
  std::string note;  // what a rank budget missed; empty: nothing
  // Why the base cannot have it, in a group that is optional: it is no trial then. Empty: it can.
  std::string left_out;
};

}  // namespace rankscope
