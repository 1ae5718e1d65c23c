// The analysed adapters of a report's sweeps, in the groups that its figures show.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "plots/report_data.h"

namespace rankscope {

// Adapters that differ in rank and seed, as far as a figure shows.
struct AdapterGroup {
  std::string sweep, task, targets;
  std::string base;       // as SweepFacts's, in a report on several; else empty
  std::string variant;    // as ScoreFinding's, where settings differ in more than the rank
  bool is_pissa = false;  // trained from W's own directions: `init: pissa`
  std::vector<std::string> trials;          // of the adapters
  std::vector<std::string> controls;        // trained as these, but on shuffled targets
  std::vector<std::int64_t> ranks, layers;  // ascending; no ranks: each site has its own
  std::vector<std::string> sites;           // Wq, Wk, Wv, Wo, then others by name

  bool has_ranks_by_site() const { return ranks.empty(); }
  // Where the paper shows one layer it is the 48th of 96. Counted from 0.
  std::int64_t middle_layer() const { return layers[(layers.size() - 1) / 2]; }
  // "layer 1 (from 0; 3 analysed)": with `layers` an adapter has but some of the model's.
  std::string middle_layer_text() const;
  std::int64_t largest_rank() const { return ranks.back(); }
  // The paper sets rank 8 against 64: the largest up to 8 that is not the largest of all.
  std::optional<std::int64_t> small_rank() const;
  // The trials, each between two spaces: SQL's instr(?, ' ' || trial || ' ') finds them.
  std::string trials_text() const;
  // Wq and Wv where both are there, as in the paper, else the first two.
  std::vector<std::string> shown_sites() const;
};

// Every group that was analysed, those with ranks by site last. Adapters trained on shuffled
// targets make none of their own.
std::vector<AdapterGroup> adapter_groups(ReportData& data);

// How much of what a figure draws a group has; none where it has nothing to draw.
using GroupChoice = std::function<std::optional<std::int64_t>(const AdapterGroup&)>;
// 1 for a group of which an adapter is among the question's rows, sweep and trial; else none.
GroupChoice with_any_of(ReportData& data, const std::string& question);

struct ShownGroups {
  // Tasks in the paper's order, others by name, each by base; of each the variant that was chosen
  // first.
  std::vector<AdapterGroup> shown;
  // There would be something to draw of each, were it not that those with ranks by site have no one
  // rank.
  std::vector<AdapterGroup> left_out;
};

// For each base and task the variants of one set of matrices in one sweep, `most_variants` at most:
// the set of which `choice` says the most; of equals Wq+Wv, as in the paper, where it was adapted,
// else that with the most matrices, of these the one with the most ranks, then the most adapters.
inline constexpr std::size_t kMostVariants = 6;
ShownGroups choose_groups(ReportData& data, const GroupChoice& choice,
                          std::size_t most_variants = kMostVariants);
// A sentence with a space before it, which counts the groups left out and says who has them; empty
// where there are none.
std::string left_out_settings(const ShownGroups& groups, const std::string& where);

// The same for a figure of pairs of one relation (results/analysis_records.h), by directions of A:
// of pairs of seeds first those that stand beside controls, which Figure 4 shows.
ShownGroups compared_groups(ReportData& data, const std::string& relation);

// Why nothing is shown: that all there is has ranks by site and who has it, else `otherwise`.
std::string why_none(const ShownGroups& groups, const std::string& where,
                     const std::string& otherwise);

// A sentence with a space before it, that an update of PiSSA has more directions than the rank that
// its row states; empty where none of the groups is PiSSA's.
std::string pissa_ranks(std::span<const AdapterGroup> groups);

// "WikiSQL", in a report on several bases "WikiSQL on embedded/base".
std::string task_on_base(const AdapterGroup& group);
// "Wq+Wv", "Wq+Wv, alpha 64".
std::string matrices_label(const AdapterGroup& group);
// "LoRA Wq+Wv on WikiSQL (sweep table6)".
std::string group_label(const AdapterGroup& group);

// A stored phi between two adapters, or of one against W ("base") or what it began with
// ("initial").
struct PhiKey {
  std::string sweep, one, other;
  std::int64_t rank_one = 0;
  std::optional<std::int64_t> rank_other;
  std::int64_t layer = 0;
  std::string site, directions;
  std::int64_t rows = 0, cols = 0, dimension = 0;  // of phi, and of the space
  std::optional<double> mean_excess, projection_metric;
};
// Of a group's adapters, or of its controls; `relation` as in results/analysis_records.h.
std::vector<PhiKey> phi_keys(ReportData& data, const AdapterGroup& group,
                             const std::string& relation, bool of_controls = false);

// The mean over several pairs of one shape: pairs that have another than the first's are left out.
struct PhiMean {
  std::int64_t rows = 0, cols = 0, dimension = 0, pairs = 0;
  std::vector<double> values = {};  // [rows, cols]; NaN where undefined in any pair
};
std::optional<PhiMean> mean_phi(ReportData& data, const std::vector<PhiKey>& keys);

}  // namespace rankscope
