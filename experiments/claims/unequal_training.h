// What else two compared settings were trained with: where it differs, it is part of the
// difference.
#pragma once

#include <string>
#include <vector>

#include "experiments/claims/contrasts.h"

namespace rankscope {

// What a training bears on: a score takes all of it, memory and speed what is computed at once.
enum class BearsOn { kScore, kMemoryAndSpeed };

// "20 steps against 60 steps and batch 8 against 64", of the left side against the right; empty
// where both were trained alike, or one was not trained. A method's own settings and its rate are
// not among it.
std::string unequal_training(const EvidenceGroup& left, const EvidenceGroup& right, BearsOn what);

// The same of a claim's contrasts, a clause each difference: "the two sides were not trained alike:
// batch 8 against 64, in wikisql: lora Wq r8 against full".
std::vector<std::string> unequal_trainings(const std::vector<EvaluatedContrast>& contrasts);

}  // namespace rankscope
