// Which LoRA settings spend one budget of trainable parameters on several sets of matrices.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

namespace rankscope {

// What a group of a sweep file spends on each of several sets of matrices, one rank each: where
// heads share keys and values no ranks give the same number for all, and the largest stands for it.
class ParameterBudgets {
 public:
  struct Spent {
    std::string sweep, group, targets;
    std::int64_t rank = 0, parameters = 0;
  };
  void add(const Spent& spent);
  // The parameters of the group's budget; of a group that has none, the setting's own. It must have
  // been added.
  std::int64_t of(const Spent& spent) const;

 private:
  using Sizes = std::set<std::pair<std::int64_t, std::int64_t>>;  // parameters and rank
  std::map<std::pair<std::string, std::string>, std::map<std::string, Sizes>> groups_;
};

}  // namespace rankscope
