// What the statistics say of one or several sweeps: computed by `experiments`, drawn by `plots`.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "results/query.h"

namespace rankscope {

// What readers call the base of each sweep, by the sweeps' names: the last two names of its
// folder's path, "embedded/base", and as many more as tell it from another base; where the paths
// are one, a part of its hash. Bases of one hash are one base, and have one name.
std::map<std::string, std::string> shown_bases(ResultsReader& results);

// Settings that say how large a method is beside its targets and rank, in the order in which they
// are shown.
inline constexpr std::array<std::string_view, 4> kSizeKeys{"bottleneck", "prefix", "infix",
                                                           "ranks"};
// Of values by those keys: "prefix 8, infix 4"; those without a value are left out.
std::string shown_size(const std::map<std::string, std::string>& values);

// A training on every example of its file.
inline constexpr std::int64_t kAllExamples = std::numeric_limits<std::int64_t>::max();

// What of the data did not fit a setting's prompts into the context that its method leaves.
struct CutPrompts {
  std::int64_t prompts = 0;   // that were read, whole or cut
  std::int64_t cut = 0;       // of them
  std::int64_t tokens = 0;    // that those lost in all
  std::int64_t left_out = 0;  // examples that no cut makes fit: not among `prompts`
  bool any() const { return cut + left_out > 0; }
  auto operator<=>(const CutPrompts&) const = default;
};

// One difference that a claim is about, with its two-sided interval.
struct ContrastFinding {
  std::string name;    // "wikisql: lora Wq+Wv r4 against lora Wq r8"
  std::string unit;    // "points", "log2", "excess phi"
  std::string region;  // "above", "within", "not below"
  double margin = 0;
  std::string reason;  // for the margin
  std::optional<double> estimate, low, high, df;
  // Before Holm. One-sided; of "within" the larger of two such, and twice the smaller of two.
  std::optional<double> p_inside, p_outside;
  // The same on the claim's control.
  std::optional<double> control_estimate = {}, control_low = {}, control_high = {};
  std::int64_t seeds_left = 0, seeds_right = 0, examples = 0;
  std::int64_t rounds = 0;  // of times
  std::string missing;      // why it could not be computed
  std::string needed;       // what telling it apart would take
};

struct ClaimFinding {
  std::string id, title, source, published;
  std::string statistic;  // "score", "latency", ... (CLAIMS.md)
  // "holds", "contradicted", "underpowered", "not run", and "reproduced" in the place of "holds" on
  // a base and data of the paper's kind.
  std::string verdict;
  std::string sweep, base, data;  // what the verdict is of
  std::string explanation;        // a sentence
  std::vector<ContrastFinding> contrasts;
  // The same statistic where the claim must not hold, and what came out there.
  std::string control, control_verdict;
};

// A setting's score over its seeds, on the scale of its unit ("points": 0 to 100).
struct ScoreFinding {
  std::string sweep, base, task, metric, method, targets, setting, group;
  std::string kind;  // which task it is, whatever its name: "mnli"
  std::string size;  // of a method beside targets and rank: "bottleneck 8"
  // What else tells it from its sweep's settings of that task, method and targets: "alpha 64". Of
  // this, what is no matter of rank and size: settings of one variant are one line over them.
  std::string others, variant;
  std::optional<std::int64_t> rank, parameters, train_examples;  // train_examples: or kAllExamples
  std::optional<double> mean, low, high;                         // 95 %
  std::vector<std::uint64_t> seeds;
  std::int64_t examples = 0, diverged = 0, missing = 0;
  bool headline = false;    // the metric that claims and "best" are about
  bool among_best = false;  // cannot be told from the best of its sweep and task
  // Not compared with the best: scored on other examples than what was compared.
  bool other_examples = false;
  std::string note;  // "1 seed: this run only", ...
  // Of the data that its trials were scored and trained on; none where no trial says.
  std::optional<CutPrompts> scored_cut = {}, trained_cut = {};
  // Of accuracy, the label that each word of the template stands for: "neutral" by "neither".
  std::map<std::string, std::string> label_words = {};
};

// A variant's forward pass beside the base's at one batch and length.
struct LatencyFinding {
  std::string sweep, base, variant, machine;
  std::int64_t batch = 0, length = 0, bottleneck = 0;
  std::int64_t parameters = 0, base_parameters = 0;
  std::int64_t rounds = 0;
  double milliseconds = 0;  // mean
  double slowdown = 0;      // percent, by the mean logarithm of the rounds' ratios; the base's is 0
  std::optional<double> low, high;  // 95 %
  std::optional<double> deviation;  // of a round's log2 ratio
};

struct Findings {
  std::vector<ClaimFinding> claims;
  std::vector<ScoreFinding> scores;
  std::vector<LatencyFinding> latencies;  // by sweep, batch, length, variant and bottleneck
  std::string claims_file;                // the name of another than the program's own, else empty
  std::string claims_file_hash;           // SHA-256
  // The day of the last commit of the program's own, with ", changed since" where it differs from
  // that; empty where git does not know it, and of another file.
  std::string claims_changed;
  double alpha = 0.05;
  std::int64_t claims_tested = 0;  // over which Holm's procedure adjusts verdicts
};

}  // namespace rankscope
