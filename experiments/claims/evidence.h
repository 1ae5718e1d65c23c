// What the results databases hold of each setting, as the statistics need it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "metrics/singular.h"
#include "results/findings.h"
#include "results/query.h"
#include "results/seen_examples.h"

namespace rankscope {

// What a setting's training is given, by the configuration's keys: "settings.alpha", "steps".
using SettingValues = std::map<std::string, std::string>;

// What a variant names, of which the plain method names at most its rate: that of another setting
// of the sweep may differ, and makes of neither another method.
enum class VariantKind { kPlain, kOtherSettings, kOtherMethod };

// A search for a learning rate; 0: not recorded.
struct RateSearch {
  std::int64_t rates = 0;  // that were tried, a run each
  std::int64_t steps = 0;  // of each run
  bool operator==(const RateSearch&) const = default;
};

// Empty: not recorded.
struct TrainingDevice {
  std::string backend, instruction_set;  // of a GPU its name and software
  std::string processor, threads;
};

struct EvidenceTrial {
  std::string id, state;  // state: done or diverged
  std::uint64_t seed = 0;
  std::map<std::string, double> timings;
  std::string train_hash;  // of one training that several tasks score, all have it
  TrainingDevice device;
};

// Trials that differ in their seed alone.
struct EvidenceGroup {
  std::string sweep, setting, label;  // label: the group in the sweep file
  std::string task;                   // its name in the sweep
  std::string metric;                 // asked for by the sweep; empty: the kind's own
  std::string kind;                   // which task it is: wikisql, mnli, ...
  std::string method, targets, dataset;
  std::string example_trial;  // one of them, finished or not
  std::string scored_as;      // on which data, and how decoded: what the base has in common with it
  // What else tells it from the sweep's settings of its task, method and targets: "alpha 64". A
  // control has that of the setting that it repeats.
  std::string others;
  // Of that, what is no matter of its rank and size: settings of one variant are one line over
  // them.
  std::string variant;
  VariantKind variant_kind = VariantKind::kPlain;
  std::string size;  // of a method beside targets and rank: "bottleneck 8", "prefix 8, infix 4"
  SettingValues values;
  std::optional<double> rate;        // of learning: given, or what its own search found
  std::optional<RateSearch> search;  // for the rate; none: it was given
  std::optional<std::int64_t> rank, parameters, train_examples;
  std::int64_t scored_examples = 0;  // those of its dataset that its scores are means over
  std::optional<CutPrompts> scored_cut, trained_cut;  // none: not recorded
  bool shuffled_targets = false;                      // a control, not a contender
  std::vector<EvidenceTrial> trials;                  // finished ones (done or diverged), by seed
  std::int64_t unfinished = 0;
};

// "lora Wq+Wv r4".
std::string group_name(const EvidenceGroup& group);

// By which variants of a method are ordered: the plain one, those with other settings, what they
// make another method of; of each kind by name.
using VariantOrder = std::pair<VariantKind, std::string>;
VariantOrder variant_order(const EvidenceGroup& group);

struct EvidenceSweep {
  std::string sweep, base;                      // base: as readers call it
  std::optional<std::int64_t> base_parameters;  // none: recorded by no trial, or not alike
  std::vector<EvidenceGroup> groups;            // scored trials' alone
  std::vector<SeenTask> seen;                   // its tasks whose scored examples were not unseen
};

class Evidence {
 public:
  // The reader must outlive it.
  explicit Evidence(ResultsReader& results);

  const std::vector<EvidenceSweep>& sweeps() const { return sweeps_; }
  ResultsReader& results() const { return results_; }

  // Metrics that a group's trials have outcomes of, a diverged one the base's; in the order of
  // their names.
  std::vector<std::string> metrics(const EvidenceGroup& group);
  // [seeds, examples], from 0 to 1; a diverged trial has the base's outcomes. Examples are in the
  // order of their ids. Empty where a trial lacks outcomes that another has, or all do.
  RealMatrix outcomes(const EvidenceGroup& group, const std::string& metric);
  // The data and the ids of the examples of outcomes(): equal for the same examples alone. Of a
  // group that has outcomes.
  std::vector<std::string> examples(const EvidenceGroup& group, const std::string& metric);
  // The untrained base on the same examples; none where it was not scored.
  const EvidenceGroup* base_of(const EvidenceGroup& group) const;

 private:
  struct Outcomes {
    std::map<std::string, std::map<std::string, double>> by_metric;  // metric -> example -> outcome
  };
  const Outcomes& outcomes_of(const std::string& sweep, const std::string& trial);
  // A finished trial's; of one that diverged the base's, none where there is no base.
  const Outcomes& outcomes_that_count(const EvidenceGroup& group, const EvidenceTrial& trial);
  void give_tasks_their_bases();
  void name_settings();

  ResultsReader& results_;
  std::vector<EvidenceSweep> sweeps_;
  std::map<std::pair<std::string, std::string>, Outcomes> cache_;
};

// The metric of those that a group is judged by: the one that its sweep asks for, else
// logical_form, accuracy, rouge1; of another task the first.
std::string headline_metric(const EvidenceGroup& group, const std::vector<std::string>& metrics);
// The one that it will be judged by when it has outcomes; empty of a task that is not known.
std::string expected_metric(const EvidenceGroup& group);

}  // namespace rankscope
