#include "experiments/claims/paper_kind.h"

#include <algorithm>
#include <map>

#include "common/text.h"

namespace rankscope {

namespace {

constexpr std::int64_t kGpt2Medium = 354'823'168;  // its parameters

const std::map<std::string, std::int64_t>& validation_examples() {
  static const std::map<std::string, std::int64_t> all = {
      {"wikisql", 8421}, {"mnli", 9815}, {"samsum", 818}};
  return all;
}

}  // namespace

bool is_of_paper_size(const EvidenceSweep& sweep) {
  if (!sweep.base_parameters || *sweep.base_parameters < kGpt2Medium || sweep.groups.empty())
    return false;
  return std::ranges::all_of(sweep.groups, [](const EvidenceGroup& group) {
    const auto whole = validation_examples().find(group.kind);
    return whole != validation_examples().end() && group.scored_examples == whole->second;
  });
}

bool is_of_paper_kind(const EvidenceSweep& sweep) {
  return is_of_paper_size(sweep) && sweep.seen.empty();
}

std::string seen_examples_of(const EvidenceSweep& sweep, const std::vector<std::string>& tasks) {
  std::vector<std::string> trained, chosen, parts;
  for (const SeenTask& seen : sweep.seen) {
    if (std::ranges::find(tasks, seen.task) == tasks.end()) continue;
    if (seen.trained) trained.push_back(seen.task);
    if (seen.chosen) chosen.push_back(seen.task);
  }
  const auto of = [](std::vector<std::string> names) {
    return listed(shortened(std::move(names), " tasks"));
  };
  if (!trained.empty())
    parts.push_back("scored examples of " + of(std::move(trained)) + " were trained on");
  if (!chosen.empty())
    parts.push_back("learning rates or steps were chosen by scored examples of " +
                    of(std::move(chosen)));
  return listed(parts);
}

}  // namespace rankscope
