#include "experiments/analysis/analysis_plan.h"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace rankscope {

namespace {

constexpr const char* kRanks = "ranks";
constexpr const char* kSeeds = "seeds";
constexpr const char* kShuffled = "shuffled";

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

using Members = std::vector<const Trial*>;

void add_ranks(const Members& members, std::vector<AdapterPair>& pairs) {
  std::int64_t most = 0;
  for (const Trial* member : members) most = std::max(most, rank_of(*member));
  Members largest;
  std::ranges::copy_if(members, std::back_inserter(largest),
                       [&](const Trial* member) { return rank_of(*member) == most; });
  for (const Trial* one : members) {
    if (rank_of(*one) == most) continue;
    for (const Trial* other : at_largest_rank(*one, largest)) pairs.push_back({one, other, kRanks});
  }
}

void add_seeds(const Members& members, std::vector<AdapterPair>& pairs) {
  for (std::size_t i = 0; i < members.size(); ++i)
    for (std::size_t j = i + 1; j < members.size(); ++j)
      if (!begin_alike(*members[i], *members[j])) pairs.push_back({members[i], members[j], kSeeds});
}

void add_shuffled(const Members& members, std::vector<AdapterPair>& pairs) {
  for (const Trial* one : members)
    for (const Trial* other : members)
      if (!one->config.shuffle_targets && other->config.shuffle_targets &&
          !begin_alike(*one, *other))
        pairs.push_back({one, other, kShuffled});
}

void add_pairs(std::string_view relation, const Members& members, std::vector<AdapterPair>& pairs) {
  if (relation == kRanks) return add_ranks(members, pairs);
  if (relation == kSeeds) return add_seeds(members, pairs);
  add_shuffled(members, pairs);
}

IdentityKeys family_key(std::string_view relation, const Trial& trial) {
  if (relation == kRanks) return family_of(trial, {"settings.rank", "settings.alpha"});
  if (relation == kShuffled)
    return family_of(trial, {"shuffle_targets", "seed", "init_seed", "data_seed"});
  IdentityKeys setting = family_of(trial, {"seed"});
  setting.merge(given_seeds(trial.config));
  return setting;
}

}  // namespace

AdapterFamilies::AdapterFamilies(const Manifest& manifest, const AnalysisSettings& settings)
    : base_(settings.has_pair("base")), initial_(settings.has_pair("initial")) {
  for (const Trial& trial : manifest.trials) {
    if (trial.config.method != "lora" || trial.is_tuning()) continue;
    trials_.push_back(&trial);
    trainings_[trial.train_hash].trials.push_back(&trial);
  }
  for (const char* relation : {kRanks, kSeeds, kShuffled}) {
    if (!settings.has_pair(relation)) continue;
    std::map<IdentityKeys, Members> families;
    for (const Trial* trial : trials_) families[family_key(relation, *trial)].push_back(trial);
    for (auto& [key, members] : families) {
      for (const Trial* member : members)
        trainings_[member->train_hash].families.insert(families_.size());
      families_.push_back({relation, std::move(members)});
    }
  }
}

AnalysisPlan AdapterFamilies::plan(const HasAdapter& has_adapter) const {
  AnalysisPlan plan;
  std::set<std::string> trained;
  for (const Trial* trial : trials_) {
    if (trained.contains(trial->train_hash) || !has_adapter(*trial)) continue;
    trained.insert(trial->train_hash);
    plan.adapters.push_back(trial);
  }
  const std::set<const Trial*> chosen(plan.adapters.begin(), plan.adapters.end());
  for (const Family& family : families_) {
    Members members = family.members;
    std::erase_if(members, [&](const Trial* member) { return !chosen.contains(member); });
    add_pairs(family.relation, members, plan.pairs);
  }
  for (const auto& [relation, asked] : {std::pair("base", base_), {"initial", initial_}}) {
    if (!asked) continue;
    for (const Trial* trial : plan.adapters) plan.pairs.push_back({trial, nullptr, relation});
  }
  return plan;
}

std::vector<AdapterPair> AdapterFamilies::pairs_after(const Trial& ended,
                                                      const HasAdapter& has_adapter) const {
  std::vector<AdapterPair> pairs;
  const auto training = trainings_.find(ended.train_hash);
  if (training == trainings_.end()) return pairs;
  std::map<std::string, const Trial*> chosen;  // asked once: of each training's trials
  const auto stands_for = [&](const std::string& hash) {
    const auto [found, is_new] = chosen.try_emplace(hash, nullptr);
    if (!is_new) return found->second;
    const Members& trials = trainings_.at(hash).trials;
    const auto first =
        std::ranges::find_if(trials, [&](const Trial* trial) { return has_adapter(*trial); });
    return found->second = first == trials.end() ? nullptr : *first;
  };
  for (const std::size_t family : training->second.families) {
    const auto& [relation, all] = families_[family];
    Members members = all;
    std::erase_if(members, [&](const Trial* m) { return stands_for(m->train_hash) != m; });
    std::vector<AdapterPair> found;
    add_pairs(relation, members, found);
    // Where the largest rank is another now, so are the pairs of all.
    if (relation != std::string_view(kRanks))
      std::erase_if(found, [&](const AdapterPair& pair) {
        return pair.one->train_hash != ended.train_hash &&
               pair.other->train_hash != ended.train_hash;
      });
    pairs.insert(pairs.end(), found.begin(), found.end());
  }
  if (const Trial* const one = initial_ ? stands_for(ended.train_hash) : nullptr)
    pairs.push_back({one, nullptr, "initial"});
  return pairs;
}

}  // namespace rankscope
