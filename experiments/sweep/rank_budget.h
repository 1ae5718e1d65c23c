// The rank that a budget of trainable parameters leaves to a set of sites (the paper's Table 5:
// 18M in GPT-3 is rank 8, 4 or 2 for one, two or four of its square matrices).
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "engine/models/config.h"

namespace rankscope {

struct BudgetedRank {
  std::int64_t rank = 0;
  std::int64_t parameters = 0;  // of that rank
};

// The rank, one for all sites, whose number of trainable parameters is nearest to `budget`, the
// lower of two as near. `settings` are the method's, without rank; matrices that are not square
// count as they are. Throws InputError where even rank 1 is more than twice the budget, or as the
// method does.
BudgetedRank rank_for_budget(std::int64_t budget, const std::string& method,
                             const std::map<std::string, std::string>& settings,
                             const ModelShape& shape);

// "budget of 18,000,000 parameters: rank 4 has 18,874,368 (+4.9 %)"; empty where nothing is missed.
std::string budget_note(std::int64_t budget, const BudgetedRank& got);

// 18874368 as "18,874,368".
std::string with_commas(std::int64_t number);

}  // namespace rankscope
