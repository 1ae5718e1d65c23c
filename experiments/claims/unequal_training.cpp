#include "experiments/claims/unequal_training.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "common/text.h"
#include "experiments/sweep/sweep_file.h"
#include "experiments/training_settings.h"

namespace rankscope {

namespace {

std::string value_of(const EvidenceGroup& group, const std::string& key,
                     const std::string& by_default) {
  const auto found = group.values.find(key);
  return found == group.values.end() ? by_default : found->second;
}

// A file gives one or the other.
std::string length_of(const EvidenceGroup& group) {
  for (const std::string key : {"steps", "epochs"})
    if (const std::string value = value_of(group, key, ""); !value.empty())
      return value + " " + key;
  return {};
}

// With what stands in a configuration that does not say.
std::map<std::string, std::string> compared_keys(BearsOn what) {
  std::map<std::string, std::string> keys{{"precision", std::string(kDefaultPrecision)}};
  for (const auto& [name, by_default] : training_settings()) {
    const bool at_once = name == "batch" || name == "micro_batch_tokens";
    if (what == BearsOn::kScore ? name != "lr" : at_once)
      keys.emplace("settings." + name, by_default);
  }
  if (what == BearsOn::kScore) keys.emplace("keep", "last");
  return keys;
}

}  // namespace

std::string unequal_training(const EvidenceGroup& left, const EvidenceGroup& right, BearsOn what) {
  if (left.method == "none" || right.method == "none") return {};
  std::vector<std::string> parts;
  const std::string one = length_of(left), other = length_of(right);
  if (what == BearsOn::kScore && one != other && !one.empty() && !other.empty())
    parts.push_back(one + " against " + other);
  for (const auto& [key, by_default] : compared_keys(what)) {
    const std::string here = value_of(left, key, by_default),
                      there = value_of(right, key, by_default);
    if (here != there)
      parts.push_back(fmt::format("{} {} against {}", key.substr(key.find('.') + 1), here, there));
  }
  return listed(parts);
}

std::vector<std::string> unequal_trainings(const std::vector<EvaluatedContrast>& contrasts) {
  std::vector<std::pair<std::string, std::vector<std::string>>> clauses;  // and in which contrasts
  for (const EvaluatedContrast& contrast : contrasts) {
    if (contrast.unequal_training.empty()) continue;
    auto clause = std::ranges::find(clauses, contrast.unequal_training,
                                    &std::pair<std::string, std::vector<std::string>>::first);
    if (clause == clauses.end())
      clause = clauses.insert(clauses.end(), {contrast.unequal_training, {}});
    clause->second.push_back(contrast.finding.name);
  }
  std::vector<std::string> texts;
  for (auto& [differing, names] : clauses) {
    const bool everywhere = names.size() == contrasts.size();
    texts.push_back(
        fmt::format("the two sides were not trained alike: {}{}", differing,
                    everywhere ? (names.size() > 1 ? ", in every difference" : "")
                               : ", in " + listed(shortened(std::move(names), " differences"))));
  }
  return texts;
}

}  // namespace rankscope
