// What training costs: ratios of memory, speed and checkpoint size, as logarithms to the base 2.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "common/draws.h"
#include "experiments/claims/contrasts.h"
#include "experiments/claims/training_device.h"
#include "experiments/claims/unequal_training.h"
#include "results/records.h"

namespace rankscope {

namespace {

// What was measured of a pack of trials is none's own.
bool is_packed(const EvidenceTrial& trial) { return trial.timings.contains(kTrainedTogether); }

// Why the two trainings cannot be set against each other; empty where they can.
std::string not_comparable(const EvidenceTrial& left, const EvidenceTrial& right) {
  if (is_packed(left) || is_packed(right))
    return "the trials were trained in packs, whose cost is no trial's own; run the sweep without "
           "pack_trials in another folder";
  const std::string differing = unequal_devices(left.device, right.device);
  if (differing.empty()) return {};
  return "the two sides were not trained on one device, which is part of what they cost: " +
         differing + "; run the sweep on one device, with one number of threads, in another folder";
}

// Above 1 where the left side is the cheaper one.
std::optional<double> gain(const std::string& quantity, const EvidenceTrial& left,
                           const EvidenceTrial& right) {
  const bool more_is_better = quantity == "throughput";
  const std::string name = quantity == "memory"       ? "train_peak_memory_mib"
                           : quantity == "throughput" ? "train_tokens_per_second"
                                                      : "checkpoint_bytes";
  const auto one = left.timings.find(name), other = right.timings.find(name);
  if (one == left.timings.end() || other == right.timings.end() || one->second <= 0 ||
      other->second <= 0)
    return std::nullopt;
  return more_is_better ? one->second / other->second : other->second / one->second;
}

}  // namespace

std::vector<EvaluatedContrast> cost_contrasts(const Claim& claim, const EvidenceSweep& sweep,
                                              Evidence&) {
  std::vector<EvaluatedContrast> all;
  std::vector<std::string> tasks;
  for (const EvidenceGroup& group : sweep.groups) {
    const bool known = std::ranges::find(tasks, group.task) != tasks.end();
    if (!known && !select_groups(claim.left, sweep, group.task).empty() &&
        !select_groups(claim.right, sweep, group.task).empty())
      tasks.push_back(group.task);
  }
  std::set<std::string> trainings;
  for (const std::string& task : tasks) {
    const EvidenceGroup& left = *select_groups(claim.left, sweep, task).front();
    const EvidenceGroup& right = *select_groups(claim.right, sweep, task).front();
    // Tasks that score the same trainings have one cost.
    bool is_new = false;
    for (const EvidenceGroup* side : {&left, &right})
      for (const EvidenceTrial& trial : side->trials)
        is_new |= trial.train_hash.empty() || trainings.insert(trial.train_hash).second;
    if (!is_new) continue;
    for (const ClaimContrast& contrast : claim.contrasts) {
      EvaluatedContrast made =
          begin_contrast(contrast,
                         task + ": " + contrast.quantity + ", " + group_name(left) + " against " +
                             group_name(right),
                         "log2", contrast.margin);
      made.trained = {&left, &right};
      // A checkpoint is as large wherever it was made.
      const bool of_training = contrast.quantity != "checkpoint";
      std::vector<double> units, swapped;
      std::string refused;
      for (const EvidenceTrial& one : left.trials) {
        for (const EvidenceTrial& other : right.trials) {
          if (one.seed != other.seed) continue;
          const std::optional<double> ratio = gain(contrast.quantity, one, other);
          if (!ratio) continue;
          if (const std::string why = of_training ? not_comparable(one, other) : ""; !why.empty()) {
            refused = why;
            continue;
          }
          units.push_back(std::log2(*ratio));
          // Who is whom is drawn anew for each seed.
          const Draws draws(one.seed, "null", claim.id + ": " + made.finding.name);
          swapped.push_back(draws.uniform(0) < 0.5f ? units.back() : -units.back());
        }
      }
      if (of_training)
        made.unequal_training = unequal_training(left, right, BearsOn::kMemoryAndSpeed);
      add_units(made, units, claim.seeds, contrast.region);
      if (!refused.empty() && !made.finding.missing.empty()) made.finding.missing = refused;
      if (made.contrast)
        made.control = Contrast{unit_estimate(Eigen::Map<const RealVector>(
                                    swapped.data(), static_cast<Eigen::Index>(swapped.size()))),
                                contrast.region, contrast.margin};
      all.push_back(std::move(made));
    }
  }
  if (all.empty()) {
    all.push_back(
        begin_contrast(claim.contrasts.front(),
                       selector_name(claim.left) + " against " + selector_name(claim.right), "log2",
                       claim.contrasts.front().margin));
    all.back().finding.missing = "no task of the sweep has finished trials of both sides";
    for (const GroupSelector& side : {claim.left, claim.right})
      if (std::ranges::none_of(sweep.groups, [&](const EvidenceGroup& group) {
            return !select_groups(side, sweep, group.task).empty();
          }))
        all.back().finding.missing = nothing_selected(side, sweep);
  }
  return all;
}

}  // namespace rankscope
