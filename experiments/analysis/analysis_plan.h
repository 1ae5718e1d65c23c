// Which adapters of a sweep are analysed, and which of them are set against one another.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "experiments/sweep/sweep_folder.h"

namespace rankscope {

struct AdapterPair {
  const Trial* one = nullptr;
  const Trial* other = nullptr;  // none for the relations base and initial
  std::string relation;          // a word of AnalysisSettings::pairs

  // What stands for `other` in the results.
  std::string other_id() const { return other == nullptr ? relation : other->id(); }
};

struct AnalysisPlan {
  std::vector<const Trial*> adapters;  // in the sweep's order, each adapter once
  std::vector<AdapterPair> pairs;
};

// Of the trials that `has_adapter` admits:
//   ranks     each rank's adapter and the largest rank's, of one seed, where nothing else differs
//             (alpha, which may follow the rank, and a tuned learning rate apart); of several
//             alphas at the largest rank those that are the same or, by rank, as large
//   seeds     each two seeds of one setting that begin from different random values
//   shuffled  an adapter and each of another seed trained on shuffled targets, where nothing else
//             differs
//   base, initial  each adapter
AnalysisPlan analysis_plan(const Manifest& manifest, const AnalysisSettings& settings,
                           const std::function<bool(const Trial&)>& has_adapter);

}  // namespace rankscope
