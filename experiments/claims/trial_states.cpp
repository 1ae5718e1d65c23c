#include "experiments/claims/trial_states.h"

#include <fmt/format.h>

#include <algorithm>

namespace rankscope {

namespace {

// What `clause` says of each setting that is compared, once each; an empty one says nothing.
template <typename Clause>
std::vector<std::string> clauses_of(const std::vector<EvaluatedContrast>& contrasts,
                                    Clause&& clause) {
  std::vector<std::string> clauses;
  for (const EvaluatedContrast& c : contrasts) {
    for (const auto& groups : {c.scored, c.trained}) {
      for (const EvidenceGroup* group : groups) {
        std::string text = clause(*group);
        if (!text.empty() && std::ranges::find(clauses, text) == clauses.end())
          clauses.push_back(std::move(text));
      }
    }
  }
  return clauses;
}

const char* what_diverged_counts_as(const std::string& statistic, bool one) {
  if (statistic == "score")
    return one ? " and counts as the untrained base" : " and count as the untrained base";
  if (statistic == "cost")
    return one ? ": its memory and speed are of the steps before, and it left no checkpoint"
               : ": their memory and speed are of the steps before, and they left no checkpoint";
  return one ? " and has no adapter" : " and have no adapter";
}

}  // namespace

std::vector<std::string> unfinished_of(const std::vector<EvaluatedContrast>& contrasts) {
  return clauses_of(contrasts, [](const EvidenceGroup& group) -> std::string {
    if (group.unfinished == 0) return {};
    const bool one = group.unfinished == 1;
    return fmt::format("on {} {} {} of {} {} failed or not finished and {} left out", group.task,
                       group.unfinished, one ? "trial" : "trials", group_name(group),
                       one ? "is" : "are", one ? "is" : "are");
  });
}

std::vector<std::string> diverged_of(const std::vector<EvaluatedContrast>& contrasts,
                                     const std::string& statistic) {
  return clauses_of(contrasts, [&](const EvidenceGroup& group) -> std::string {
    const auto diverged = std::ranges::count(group.trials, "diverged", &EvidenceTrial::state);
    if (diverged == 0) return {};
    return fmt::format("on {} {} of {} {} of {} diverged{}", group.task, diverged,
                       group.trials.size(), group.trials.size() == 1 ? "trial" : "trials",
                       group_name(group), what_diverged_counts_as(statistic, diverged == 1));
  });
}

}  // namespace rankscope
