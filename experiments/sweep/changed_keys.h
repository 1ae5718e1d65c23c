// What made a training new.
#pragma once

#include <map>
#include <string>

#include "experiments/sweep/trial.h"

namespace rankscope {

// Of a training's keys and the former trainings' by their ids: "new: settings.lr changed since ID",
// the keys in which it differs from the former one that differs in the fewest, the first of equals.
// Empty where each is the same or differs in more keys than a line can name.
std::string changed_keys(const IdentityKeys& training,
                         const std::map<std::string, IdentityKeys>& former);

}  // namespace rankscope
