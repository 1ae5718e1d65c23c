#include "experiments/analysis/analysis_plan.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

namespace rankscope {

namespace {

// What names a trial's training, without the keys that two sides of a comparison may differ in. How
// a learning rate was found is none of them: its search names the rank it was made with.
IdentityKeys family_of(const Trial& trial, std::initializer_list<std::string_view> without) {
  IdentityKeys keys = trial.train;
  std::erase_if(keys, [&](const auto& entry) {
    return entry.first.starts_with("tuning.") ||
           std::ranges::find(without, entry.first) != without.end();
  });
  return keys;
}

// Two adapters that do are alike for that alone.
bool begin_alike(const Trial& one, const Trial& other) {
  return one.config.seed_of_start() == other.config.seed_of_start();
}

std::int64_t rank_of(const Trial& trial) {
  const std::string rank = trial.setting("rank");
  return rank.empty() ? 0 : std::stoll(rank);
}

double alpha_of(const Trial& trial) {
  const std::string alpha = trial.setting("alpha");
  return alpha.empty() ? 0 : std::stod(alpha);
}

// Those of the largest rank that `one` is set against: with its alpha, as the paper keeps it, or
// with its alpha / r, as where alpha follows the rank; the first where there is neither.
std::vector<const Trial*> at_largest_rank(const Trial& one,
                                          const std::vector<const Trial*>& largest) {
  std::vector<const Trial*> partners;
  const double alpha = alpha_of(one), rank = static_cast<double>(rank_of(one));
  std::ranges::copy_if(largest, std::back_inserter(partners), [&](const Trial* other) {
    return alpha_of(*other) == alpha ||
           alpha_of(*other) * rank == alpha * static_cast<double>(rank_of(*other));
  });
  if (partners.empty()) partners.push_back(largest.front());
  return partners;
}

}  // namespace

AnalysisPlan analysis_plan(const Manifest& manifest, const AnalysisSettings& settings,
                           const std::function<bool(const Trial&)>& has_adapter) {
  AnalysisPlan plan;
  std::set<std::string> trained;
  for (const Trial& trial : manifest.trials) {
    if (trial.config.method != "lora" || trial.is_tuning() || trained.contains(trial.train_hash) ||
        !has_adapter(trial))
      continue;
    trained.insert(trial.train_hash);
    plan.adapters.push_back(&trial);
  }
  std::map<IdentityKeys, std::vector<const Trial*>> ranks, seeds, shuffled;
  for (const Trial* trial : plan.adapters) {
    ranks[family_of(*trial, {"settings.rank", "settings.alpha"})].push_back(trial);
    IdentityKeys setting = family_of(*trial, {"seed"});
    setting.merge(given_seeds(trial->config));
    seeds[std::move(setting)].push_back(trial);
    shuffled[family_of(*trial, {"shuffle_targets", "seed", "init_seed", "data_seed"})].push_back(
        trial);
  }
  if (settings.has_pair("ranks")) {
    for (const auto& [family, members] : ranks) {
      std::int64_t most = 0;
      for (const Trial* member : members) most = std::max(most, rank_of(*member));
      std::vector<const Trial*> largest;
      std::ranges::copy_if(members, std::back_inserter(largest),
                           [&](const Trial* member) { return rank_of(*member) == most; });
      for (const Trial* one : members) {
        if (rank_of(*one) == most) continue;
        for (const Trial* other : at_largest_rank(*one, largest))
          plan.pairs.push_back({one, other, "ranks"});
      }
    }
  }
  if (settings.has_pair("seeds")) {
    for (const auto& [family, members] : seeds)
      for (std::size_t i = 0; i < members.size(); ++i)
        for (std::size_t j = i + 1; j < members.size(); ++j)
          if (!begin_alike(*members[i], *members[j]))
            plan.pairs.push_back({members[i], members[j], "seeds"});
  }
  if (settings.has_pair("shuffled")) {
    for (const auto& [family, members] : shuffled) {
      for (const Trial* one : members)
        for (const Trial* other : members)
          if (!one->config.shuffle_targets && other->config.shuffle_targets &&
              !begin_alike(*one, *other))
            plan.pairs.push_back({one, other, "shuffled"});
    }
  }
  for (const char* relation : {"base", "initial"}) {
    if (!settings.has_pair(relation)) continue;
    for (const Trial* trial : plan.adapters) plan.pairs.push_back({trial, nullptr, relation});
  }
  return plan;
}

}  // namespace rankscope
