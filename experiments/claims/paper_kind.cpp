#include "experiments/claims/paper_kind.h"

#include <algorithm>
#include <map>

namespace rankscope {

namespace {

constexpr std::int64_t kGpt2Medium = 354'823'168;  // its parameters

const std::map<std::string, std::int64_t>& validation_examples() {
  static const std::map<std::string, std::int64_t> all = {
      {"wikisql", 8421}, {"mnli", 9815}, {"samsum", 818}};
  return all;
}

}  // namespace

bool is_of_paper_kind(const EvidenceSweep& sweep) {
  if (!sweep.base_parameters || *sweep.base_parameters < kGpt2Medium || sweep.groups.empty())
    return false;
  return std::ranges::all_of(sweep.groups, [](const EvidenceGroup& group) {
    const auto whole = validation_examples().find(group.kind);
    return whole != validation_examples().end() && group.scored_examples == whole->second;
  });
}

}  // namespace rankscope
