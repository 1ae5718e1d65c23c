// Results whose truth is planted, and claims on them.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "common/draws.h"
#include "experiments/claims/judgement.h"
#include "results/store.h"
#include "tests/temporary_folder.h"

namespace rankscope::tests {

inline constexpr int kExamples = 200, kWholeSamsum = 818;

inline int examples_of(const std::string& kind) {
  return kind == "samsum" ? kWholeSamsum : kExamples;
}

// What a group of trials is, and how well it does.
struct Planted {
  std::string method = "lora", targets = {}, task = "wikisql", kind = "wikisql", sweep = "planted";
  std::int64_t rank = 0, parameters = 0, limit = 3000, steps = 0;
  double share = 0.5;  // of examples that are right
  int seeds = 5;
  int init_seed = 0;        // of all its trials; 0: each has its seed
  int data_seed = 0;        // likewise
  bool shuffled = false;    // trained on shuffled targets
  bool diverged = false;    // all its trials
  int not_scored = 0;       // of the last examples
  int skipped = 0;          // of the first ones
  std::string metric = {};  // that the sweep asks for; the other is wrong everywhere
  std::map<std::string, std::string> settings = {};  // more of them
  std::string rate_found = {};                       // by a search of its own; empty: none was made
  std::string rates_tried = {};                      // by that search, parted by spaces
  int search_steps = 0;                              // of each of its runs
  std::map<std::string, std::string> read = {};      // of which files, by the configuration's keys
  std::map<std::string, double> timings = {};
  std::map<std::string, std::string> environment = {};
  std::string group = "g";     // in the sweep file
  std::string trainings = {};  // a name that tasks of the same trainings share
};

class PlantedResults {
 public:
  PlantedResults() : store_(Store::open(folder_ / "results.db")) {
    for (const char* kind : {"wikisql", "mnli", "samsum"}) {
      DatasetRecord dataset{kind, kind, "dev", "dev.jsonl", {}};
      for (int e = 0; e < examples_of(kind); ++e)
        dataset.examples.push_back({"e" + std::to_string(e), "p", "r"});
      store_.put_dataset(dataset);
    }
  }

  // Which examples are right is shared by all groups, but for a fifth that each seed draws for
  // itself.
  void add(const Planted& p) {
    store_.put_sweep({p.sweep, "name: " + p.sweep + "\n", "models/tiny", std::string(64, 'c')});
    for (int seed = 1; seed <= (p.method == "none" ? 1 : p.seeds); ++seed) {
      TrialRecord t;
      t.trial = p.sweep + p.task + p.method + p.targets + std::to_string(p.rank) +
                (p.shuffled ? "x" : "s") + std::to_string(seed);
      if (!p.trainings.empty())
        t.train_hash = p.trainings + p.method + std::to_string(p.rank) + std::to_string(seed);
      t.sweep = p.sweep;
      t.group = p.group;
      t.state = p.diverged ? "diverged" : "done";
      t.role = "scored";
      t.method = p.method;
      t.task = p.task;
      t.targets = p.targets;
      if (p.rank > 0) t.rank = p.rank;
      t.seed = seed;
      t.config = {{"score.task", p.kind},
                  {"train.limit", std::to_string(p.limit)},
                  {"seed", std::to_string(seed)},
                  {"settings.rank", std::to_string(p.rank)},
                  {"settings.targets", p.targets},
                  {"method", p.method},
                  {"task", p.task}};
      for (const auto& [key, value] : p.read) t.config[key] = value;
      if (p.shuffled) t.config["shuffle_targets"] = "true";
      for (const auto& [key, given] :
           {std::pair("init_seed", p.init_seed), {"data_seed", p.data_seed}}) {
        if (given == 0) continue;
        t.config[key] = std::to_string(given);
        t.trial += key;
      }
      if (!p.metric.empty()) t.config["metric"] = p.metric;
      for (const auto& [key, value] : p.settings) {
        t.config["settings." + key] = value;
        t.trial += key + value;
      }
      if (p.steps > 0) t.config["steps"] = std::to_string(p.steps);
      if (!p.rate_found.empty()) t.config["tuned.lr"] = p.rate_found;
      if (!p.rates_tried.empty()) t.config["tuning.rates"] = p.rates_tried;
      if (p.search_steps > 0) t.config["tuning.steps"] = std::to_string(p.search_steps);
      if (p.parameters > 0) t.trainable_parameters = p.parameters;
      if (!p.diverged) t.dataset = p.kind;
      t.timings = p.timings;
      t.environment = p.environment;
      const Draws common(1, "planted", "examples"),
          own(static_cast<std::uint64_t>(seed), "planted", t.trial);
      const std::string metric = p.kind == "wikisql"  ? "logical_form"
                                 : p.kind == "samsum" ? "rouge1"
                                                      : "accuracy";
      for (int e = p.skipped; e < (p.diverged ? 0 : examples_of(p.kind) - p.not_scored); ++e) {
        const auto at = static_cast<std::uint64_t>(e);
        const bool drawn_alone = own.uniform(2 * at) < 0.2f;
        const float difficulty = drawn_alone ? own.uniform(2 * at + 1) : common.uniform(at);
        const double outcome = difficulty < p.share ? 1.0 : 0.0;
        t.predictions.push_back({"e" + std::to_string(e), "x", {{metric, outcome}}});
        if (!p.metric.empty()) t.predictions.back().outcomes = {{metric, 0.0}, {p.metric, outcome}};
      }
      const auto count = static_cast<std::int64_t>(t.predictions.size());
      if (count > 0) t.metrics.push_back({metric, p.share, {}, count, "ok"});
      store_.put_trial(t);
    }
  }

  Store& store() { return store_; }
  const std::filesystem::path& folder() const { return folder_.path(); }

  Findings judge(const std::string& claims) const {
    ResultsReader results({folder_.path()});
    Evidence evidence(results);
    return judge_results(parse_claims(claims, "claims.yaml"), evidence);
  }

 private:
  TemporaryFolder folder_;
  Store store_;
};

// A trial of LoRA on wikisql that ended in `state` without scores.
inline TrialRecord unscored_trial(const std::string& state, const std::string& targets,
                                  std::int64_t rank, std::int64_t seed) {
  TrialRecord t;
  t.trial = state;
  t.sweep = "planted";
  t.state = state;
  t.role = "scored";
  t.method = "lora";
  t.task = "wikisql";
  t.targets = targets;
  t.rank = rank;
  t.seed = seed;
  t.config = {{"score.task", "wikisql"},
              {"train.limit", "3000"},
              {"seed", std::to_string(seed)},
              {"settings.rank", std::to_string(rank)},
              {"settings.targets", targets},
              {"method", "lora"},
              {"task", "wikisql"}};
  return t;
}

inline std::string score_claim(const std::string& region, double margin,
                               const std::string& more = "",
                               const std::string& contrasts =
                                   "      - {left: {method: lora, targets: Wq+Wv}, right: {method: "
                                   "lora, targets: Wq}}\n",
                               const std::string& control = "") {
  const std::string failing = region == "above" ? "shuffled" : "base";
  return "claims:\n  - id: A\n    title: t\n    source: s\n    statistic: score\n    region: " +
         region + "\n    margins: {wikisql: " + std::to_string(margin) +
         ", mnli: " + std::to_string(margin) + "}\n    reason: r\n" + more + "    contrasts:\n" +
         contrasts + "    control: " + (control.empty() ? failing : control) + "\n";
}

}  // namespace rankscope::tests
