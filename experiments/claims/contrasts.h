// A claim's contrasts on one sweep: what was measured, and the same where the claim must not hold.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "experiments/claims/claims_file.h"
#include "experiments/claims/evidence.h"
#include "metrics/crossed_design.h"
#include "metrics/verdict.h"
#include "results/findings.h"

namespace rankscope {

struct EvaluatedContrast {
  ContrastFinding finding;           // `missing` says why there is no contrast
  std::optional<Contrast> contrast;  // in the finding's unit
  std::optional<Contrast> control;
  FixedSides fixed;                           // where the untrained base stands
  std::vector<const EvidenceGroup*> scored;   // whose scores are compared
  std::string unequal_training;               // what the sides were trained with where it differs
  std::vector<const EvidenceGroup*> trained;  // whose adapters or costs are
};

// One for each contrast of the claim and task or site that it is about; at least one.
std::vector<EvaluatedContrast> evaluate(const Claim& claim, const EvidenceSweep& sweep,
                                        Evidence& evidence);

// The parts, by statistic.
std::vector<EvaluatedContrast> score_contrasts(const Claim& claim, const EvidenceSweep& sweep,
                                               Evidence& evidence);
std::vector<EvaluatedContrast> adapter_contrasts(const Claim& claim, const EvidenceSweep& sweep,
                                                 Evidence& evidence);
std::vector<EvaluatedContrast> cost_contrasts(const Claim& claim, const EvidenceSweep& sweep,
                                              Evidence& evidence);
std::vector<EvaluatedContrast> latency_contrasts(const Claim& claim, const EvidenceSweep& sweep,
                                                 Evidence& evidence);

// The groups of a task in the sweep that a selector admits: finished trials, no control.
std::vector<const EvidenceGroup*> select_groups(const GroupSelector& selector,
                                                const EvidenceSweep& sweep,
                                                const std::string& task);

// "lora Wq of group g r8".
std::string selector_name(const GroupSelector& selector);
// Why a selector finds nothing: "the sweep has no finished trials of full", and where it names a
// group, whether the sweep has that.
std::string nothing_selected(const GroupSelector& selector, const EvidenceSweep& sweep);

// Begins a finding: its name, region and margin.
EvaluatedContrast begin_contrast(const ClaimContrast& contrast, const std::string& name,
                                 const std::string& unit, double margin);
// Adds an estimate to it, which becomes the contrast.
void add_estimate(EvaluatedContrast& into, const Estimate& estimate, Region region);

// "to tell 2.5 points: ", what `numbers` says would tell a difference of that size, the distance
// between the estimate and the nearer end of its region, and that no correction is in it.
std::string needed_text(const EvaluatedContrast& made,
                        const std::function<std::string(double distance)>& numbers);
// The same of an estimate from `units` that have one value each: "to tell 0.05 log2: 12 seeds,
// before Holm's correction".
std::string needed_units_text(const EvaluatedContrast& made, const char* units);
// "12 seeds", "no number of seeds suffices".
std::string number_text(const std::optional<std::int64_t>& number, const char* units);

// Every seed's log2 ratio or other value: mean over seeds, df = seeds - 1. Missing where there are
// fewer than `least`.
void add_units(EvaluatedContrast& into, const std::vector<double>& units, std::int64_t least,
               Region region);

}  // namespace rankscope
