#include "results/parameter_budgets.h"

#include <algorithm>

namespace rankscope {

void ParameterBudgets::add(const Spent& spent) {
  groups_[{spent.sweep, spent.group}][spent.targets].insert({spent.parameters, spent.rank});
}

std::int64_t ParameterBudgets::of(const Spent& spent) const {
  constexpr std::int64_t kMostOverLeast = 2;  // or else they were not meant to be one
  std::int64_t least = spent.parameters, most = spent.parameters;
  bool one_rank = true;  // given, and no budget
  for (const auto& [targets, sizes] : groups_.at({spent.sweep, spent.group})) {
    if (sizes.size() > 1) return spent.parameters;
    least = std::min(least, sizes.begin()->first);
    most = std::max(most, sizes.begin()->first);
    one_rank = one_rank && sizes.begin()->second == spent.rank;
  }
  return most < kMostOverLeast * least && !one_rank ? most : spent.parameters;
}

}  // namespace rankscope
