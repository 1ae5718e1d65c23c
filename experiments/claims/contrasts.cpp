#include "experiments/claims/contrasts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "common/suggest.h"

namespace rankscope {

namespace {

const char* region_word(Region region) {
  switch (region) {
    case Region::kAbove:
      return "above";
    case Region::kWithin:
      return "within";
    case Region::kNotBelow:
      return "not below";
  }
  throw std::logic_error("an unknown region");
}

}  // namespace

std::vector<EvaluatedContrast> evaluate(const Claim& claim, const EvidenceSweep& sweep,
                                        Evidence& evidence) {
  if (claim.statistic == "score") return score_contrasts(claim, sweep, evidence);
  if (claim.statistic == "cost") return cost_contrasts(claim, sweep, evidence);
  if (claim.statistic == "latency") return latency_contrasts(claim, sweep, evidence);
  return adapter_contrasts(claim, sweep, evidence);
}

std::vector<const EvidenceGroup*> select_groups(const GroupSelector& selector,
                                                const EvidenceSweep& sweep,
                                                const std::string& task) {
  std::vector<const EvidenceGroup*> found;
  std::optional<std::int64_t> all_parameters;
  for (const EvidenceGroup& group : sweep.groups)
    if (group.method == "full" && group.task == task) all_parameters = group.parameters;
  for (const EvidenceGroup& group : sweep.groups) {
    if (group.task != task || group.method != selector.method || group.shuffled_targets ||
        group.trials.empty())
      continue;
    if (!selector.group.empty() && group.label != selector.group) continue;
    if (!selector.targets.empty() && group.targets != selector.targets) continue;
    if (selector.rank && group.rank != selector.rank) continue;
    if (selector.share_below && (!all_parameters || !group.parameters ||
                                 static_cast<double>(*group.parameters) >=
                                     *selector.share_below * static_cast<double>(*all_parameters)))
      continue;
    found.push_back(&group);
  }
  if (selector.largest_rank && !found.empty()) {
    const auto largest = (*std::ranges::max_element(found, {}, [](const EvidenceGroup* g) {
                           return g->rank.value_or(0);
                         }))->rank;
    std::erase_if(found, [&](const EvidenceGroup* g) { return g->rank != largest; });
  }
  const auto more = [](const EvidenceGroup* a, const EvidenceGroup* b) {
    return a->parameters.value_or(0) > b->parameters.value_or(0);
  };
  if (selector.take != GroupSelector::Take::kFirst) std::ranges::stable_sort(found, more);
  if (selector.take == GroupSelector::Take::kSecondMostParameters) {
    const auto fewer =
        std::ranges::find_if(found, [&](const EvidenceGroup* g) { return more(found.front(), g); });
    found.erase(found.begin(), fewer);
  }
  return found;
}

std::string selector_name(const GroupSelector& s) {
  std::string name = s.method;
  if (!s.targets.empty()) name += " " + s.targets;
  if (!s.group.empty()) name += " of group " + s.group;
  if (s.largest_rank) name += " of the largest rank";
  if (s.rank) name += fmt::format(" r{}", *s.rank);
  if (s.take == GroupSelector::Take::kMostParameters) name += " of the most parameters";
  if (s.take == GroupSelector::Take::kSecondMostParameters) name += " of the next fewer parameters";
  if (s.share_below)
    name += fmt::format(" with under {:.3g} % of the parameters", 100 * *s.share_below);
  return name;
}

std::string nothing_selected(const GroupSelector& selector, const EvidenceSweep& sweep) {
  std::string text = "the sweep has no finished trials of " + selector_name(selector);
  std::vector<std::string> labels;
  for (const EvidenceGroup& group : sweep.groups) labels.push_back(group.label);
  if (!selector.group.empty() && std::ranges::find(labels, selector.group) == labels.end())
    text += ", nor any trials in a group of that name" + did_you_mean(selector.group, labels);
  return text;
}

EvaluatedContrast begin_contrast(const ClaimContrast& contrast, const std::string& name,
                                 const std::string& unit, double margin) {
  EvaluatedContrast made;
  made.finding.name = name;
  made.finding.unit = unit;
  made.finding.region = region_word(contrast.region);
  made.finding.margin = margin;
  made.finding.reason = contrast.reason;
  return made;
}

void add_estimate(EvaluatedContrast& into, const Estimate& estimate, Region region) {
  into.contrast = Contrast{estimate, region, into.finding.margin};
  const Interval both = interval(estimate);
  const RegionTest test = test_region(*into.contrast);
  into.finding.estimate = estimate.value;
  into.finding.low = both.low;
  into.finding.high = both.high;
  into.finding.df = estimate.df;
  into.finding.p_inside = test.inside;
  into.finding.p_outside = test.outside;
}

std::string needed_text(const EvaluatedContrast& made,
                        const std::function<std::string(double distance)>& numbers) {
  const double distance =
      std::abs(depth_inside(made.contrast->region, made.finding.margin, *made.finding.estimate));
  if (distance == 0) return "the difference lies on the margin: no number of trials decides";
  return fmt::format("to tell {:.2g} {}: {}, before Holm's correction", distance, made.finding.unit,
                     numbers(distance));
}

std::string needed_units_text(const EvaluatedContrast& made, const char* units) {
  return needed_text(made, [&](double distance) {
    return number_text(needed_units(made.contrast->estimate, distance), units);
  });
}

std::string number_text(const std::optional<std::int64_t>& number, const char* units) {
  return number ? fmt::format("{} {}", *number, units)
                : fmt::format("no number of {} suffices", units);
}

void add_units(EvaluatedContrast& into, const std::vector<double>& units, std::int64_t least,
               Region region) {
  const auto count = static_cast<std::int64_t>(units.size());
  into.finding.seeds_left = into.finding.seeds_right = count;
  if (count < least) {
    into.finding.missing = fmt::format(
        "{} on both sides, {} are needed",
        count == 1 ? "1 seed has values" : fmt::format("{} seeds have values", count), least);
    return;
  }
  add_estimate(into, unit_estimate(Eigen::Map<const RealVector>(units.data(), count)), region);
  into.finding.needed = needed_units_text(into, "seeds");
}

}  // namespace rankscope
