// Which adapters of a sweep are analysed, and which of them are set against one another.
#pragma once

#include <functional>
#include <map>
#include <set>
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

// Whether a trial has an adapter that can be analysed.
using HasAdapter = std::function<bool(const Trial&)>;

// The trials of a sweep by what they may be set against: ordered once, since that reads every key
// of every trial.
class AdapterFamilies {
 public:
  // Of `settings` the pairs that are asked for. The manifest must outlive it.
  AdapterFamilies(const Manifest& manifest, const AnalysisSettings& settings);

  // Of the trials that `has_adapter` admits:
  //   ranks     each rank's adapter and the largest rank's, of one seed, where nothing else differs
  //             (alpha, which may follow the rank, and a tuned learning rate apart); of several
  //             alphas at the largest rank those that are the same or, by rank, as large
  //   seeds     each two seeds of one setting that begin from different random values
  //   shuffled  an adapter and each of another seed trained on shuffled targets, where nothing else
  //             differs
  //   base, initial  each adapter
  AnalysisPlan plan(const HasAdapter& has_adapter) const;

  // Of that plan's pairs those that the end of a trial can have brought into it, and few others;
  // not base, which waits for the end of all. `has_adapter` is asked of its families alone.
  std::vector<AdapterPair> pairs_after(const Trial& ended, const HasAdapter& has_adapter) const;

 private:
  struct Family {
    const char* relation;
    std::vector<const Trial*> members;  // in the sweep's order
  };

  std::vector<Family> families_;
  // By the hash of the training: its trials in the sweep's order, of which the first that has the
  // adapter stands for the others, and the families that they are in.
  struct Training {
    std::vector<const Trial*> trials;
    std::set<std::size_t> families;
  };
  std::map<std::string, Training> trainings_;
  std::vector<const Trial*> trials_;
  bool base_ = false, initial_ = false;
};

}  // namespace rankscope
