// How the trials of compared settings ended, where that was not as planned: what of a difference
// rests on fewer trials than were asked for, or on some that learned nothing.
#pragma once

#include <string>
#include <vector>

#include "experiments/claims/contrasts.h"

namespace rankscope {

// A clause for each setting that is compared with fewer trials than the sweep asks for.
std::vector<std::string> unfinished_of(const std::vector<EvaluatedContrast>& contrasts);

// A clause for each setting of which trials diverged: how many of those that ended, and what they
// count as in the claim's statistic: "on mnli 3 of 3 trials of full diverged and count as the
// untrained base".
std::vector<std::string> diverged_of(const std::vector<EvaluatedContrast>& contrasts,
                                     const std::string& statistic);

}  // namespace rankscope
