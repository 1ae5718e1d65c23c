// How the learning rates of compared settings were found: a rate that was searched for has an
// advantage over one that was given.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "experiments/claims/contrasts.h"
#include "results/query.h"

namespace rankscope {

// By sweep and trial, of those whose rate was searched for.
std::map<std::pair<std::string, std::string>, RateSearch> rate_searches(ResultsReader& results);

// Where the rates of the two sides of a claim's differences were not found alike, a clause each:
// "the rate of lora Wq+Wv r1 was searched for among 5, that of full was given".
std::vector<std::string> unequal_searches(const std::vector<EvaluatedContrast>& contrasts);

}  // namespace rankscope
