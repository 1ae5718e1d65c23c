// What adapters share and amplify: one value for each seed, the mean over all layers of a site.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "common/draws.h"
#include "experiments/analysis/site_vectors.h"
#include "experiments/claims/contrasts.h"
#include "results/cells.h"
#include "results/phi_blob.h"

namespace rankscope {

namespace {

double number_of(const Cell& cell) { return number_in(cell).value_or(std::nan("")); }

// Of a column that is never NULL.
std::int64_t integer_of(const Cell& cell) { return integer_in(cell).value(); }

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double excess(double share, double chance) { return (share - chance) / (1 - chance); }

using BySeed = std::map<std::int64_t, std::vector<double>>;  // seed -> a value a layer

// Each seed's mean over layers; a seed with an undefined layer has none.
std::map<std::int64_t, double> seed_means(const BySeed& values) {
  std::map<std::int64_t, double> means;
  for (const auto& [seed, layers] : values)
    if (std::ranges::all_of(layers, [](double v) { return std::isfinite(v); }))
      means[seed] = mean_of(layers);
  return means;
}

// A random A [rank, dimension], as an adapter that learned nothing.
LeadingVectors random_adapter(const std::string& name, std::int64_t rank, std::int64_t dimension,
                              std::int64_t seed) {
  std::vector<float> values(static_cast<std::size_t>(rank * dimension));
  Draws(static_cast<std::uint64_t>(seed), "null", name).fill_normal(values);
  return leading_vectors_of_a(values, rank, dimension);
}

class AdapterContrasts {
 public:
  AdapterContrasts(const Claim& claim, const EvidenceSweep& sweep, Evidence& evidence)
      : claim_(claim), sweep_(sweep), results_(evidence.results()) {
    for (const Row& row :
         results_.rows("SELECT trial FROM config WHERE sweep = ? AND key = 'settings.init' AND "
                       "value = 'pissa'",
                       {sweep_.sweep}))
      pissa_trials_.insert(text_in(row[0]));
    for (const Row& row :
         results_.rows("SELECT trial, value FROM config WHERE sweep = ? AND key = 'init_seed'",
                       {sweep_.sweep}))
      init_seeds_[text_in(row[0])] = text_in(row[1]);
    std::set<std::string> analysed;
    for (const Row& row :
         results_.rows("SELECT trial FROM adapter_values WHERE sweep = ? UNION SELECT one FROM "
                       "similarities WHERE sweep = ? UNION SELECT other FROM similarities WHERE "
                       "sweep = ?",
                       {sweep_.sweep, sweep_.sweep, sweep_.sweep}))
      analysed.insert(text_in(row[0]));
    std::set<std::string> trainings;
    for (const EvidenceGroup& group : sweep_.groups)
      for (const EvidenceTrial& trial : group.trials)
        if (analysed.contains(trial.id) && !trial.train_hash.empty())
          trainings.insert(trial.train_hash);
    for (const EvidenceGroup& group : sweep_.groups)
      for (const EvidenceTrial& trial : group.trials)
        if (!analysed.contains(trial.id) && trainings.contains(trial.train_hash))
          analysed_elsewhere_.insert(trial.id);
  }

  std::vector<EvaluatedContrast> run() {
    std::vector<EvaluatedContrast> all;
    for (const std::string& task : tasks()) {
      const std::optional<Compared> compared = compared_of(task);
      if (!compared) continue;
      if (claim_.statistic == "shared_directions") {
        for (const std::string& site : claim_.sites) add_shared(*compared, site, all);
      } else if (claim_.statistic == "shared_between_seeds") {
        add_between_seeds(*compared, all);
      } else {
        for (const std::string& site : claim_.sites) add_amplification(*compared, site, all);
      }
    }
    if (all.empty()) {
      all.push_back(begin_contrast(claim_.contrasts.front(), claim_.targets, unit(),
                                   claim_.contrasts.front().margin));
      all.back().finding.missing = fmt::format(
          "no sweep has finished and analysed LoRA trials on {} at {}{}{}", claim_.targets,
          ranks_asked(), claim_.ranks.size() > 1 ? " that differ in their rank alone" : "",
          is_about_a()
              ? "; those with init pissa, whose A begins as W's own directions, do not count"
              : "");
    }
    return all;
  }

 private:
  // What is set against each other on a task: settings of one variant, at the claim's ranks.
  struct Compared {
    std::string task, variant;
    std::vector<std::int64_t> ranks;
  };

  std::string unit() const {
    return claim_.statistic == "amplification" ? "log2" : "excess of phi over chance";
  }

  // Without those that score adapters which are analysed under another task, as MNLI's mismatched
  // half does: they have no adapters to compare.
  std::vector<std::string> tasks() const {
    std::vector<std::string> names;
    std::set<std::string> repeated;
    for (const EvidenceGroup& group : sweep_.groups) {
      if (std::ranges::find(names, group.task) == names.end()) names.push_back(group.task);
      if (counts(group) && std::ranges::any_of(group.trials, [&](const EvidenceTrial& trial) {
            return analysed_elsewhere_.contains(trial.id);
          }))
        repeated.insert(group.task);
    }
    std::erase_if(names, [&](const std::string& task) { return repeated.contains(task); });
    return names;
  }

  bool is_about_a() const { return claim_.statistic != "amplification"; }

  // With PiSSA every A begins as W's own directions: what two of them share was not learned.
  bool counts(const EvidenceGroup& group) const {
    return group.method == "lora" && group.targets == claim_.targets && group.rank &&
           !group.trials.empty() && !(is_about_a() && pissa_trials_.contains(group.example_trial));
  }

  bool is_compared(const EvidenceGroup& group, const std::string& task) const {
    return group.task == task && !group.shuffled_targets && counts(group);
  }

  // Of the first variant that has the claim's ranks. None where no variant has them all.
  std::optional<Compared> compared_of(const std::string& task) const {
    // One alpha for all ranks is the default at one of them: of a variant's kinds the first counts.
    std::map<std::string, VariantKind> kinds;
    for (const EvidenceGroup& group : sweep_.groups)
      if (is_compared(group, task)) {
        const auto [kind, added] = kinds.emplace(group.variant, group.variant_kind);
        kind->second = std::min(kind->second, group.variant_kind);
      }
    std::map<VariantOrder, std::set<std::int64_t>> ranks_by_variant;
    for (const EvidenceGroup& group : sweep_.groups)
      if (is_compared(group, task))
        ranks_by_variant[{kinds.at(group.variant), group.variant}].insert(*group.rank);
    for (const auto& [variant, there] : ranks_by_variant)
      if (std::vector<std::int64_t> ranks = ranks_among(there); !ranks.empty())
        return Compared{task, variant.second, std::move(ranks)};
    return std::nullopt;
  }

  // The ranks as numbers; none where one is not there, or two of them are the same.
  std::vector<std::int64_t> ranks_among(const std::set<std::int64_t>& there) const {
    std::vector<std::int64_t> ranks;
    for (const auto& rank : claim_.ranks) {
      ranks.push_back(rank.value_or(*there.rbegin()));
      if (!there.contains(ranks.back())) return {};
    }
    if (ranks.size() == 2 && ranks[0] >= ranks[1]) return {};
    return ranks;
  }

  // "ranks 8 and the largest above it", "rank 8".
  std::string ranks_asked() const {
    if (claim_.ranks.size() == 1 && !claim_.ranks[0]) return "any rank";
    std::string text;
    for (const auto& rank : claim_.ranks)
      text += (text.empty() ? "" : " and ") +
              (rank ? std::to_string(*rank) : std::string("the largest above it"));
    return (claim_.ranks.size() > 1 ? "ranks " : "rank ") + text;
  }

  EvaluatedContrast begin(const ClaimContrast& contrast, const Compared& compared,
                          const std::string& what) const {
    EvaluatedContrast made = begin_contrast(
        contrast,
        compared.task + ": " + what + (compared.variant.empty() ? "" : ", " + compared.variant),
        unit(), contrast.margin);
    const bool with_controls = needs_controls(contrast);
    for (const EvidenceGroup& group : sweep_.groups)
      if (is_of(compared, group) && (with_controls || !group.shuffled_targets) &&
          std::ranges::find(compared.ranks, *group.rank) != compared.ranks.end())
        made.trained.push_back(&group);
    return made;
  }

  static bool needs_controls(const ClaimContrast& contrast) {
    return contrast.quantity.ends_with("_less_shuffled");
  }

  bool is_of(const Compared& compared, const EvidenceGroup& group) const {
    return group.task == compared.task && group.variant == compared.variant && counts(group);
  }

  // The trials whose adapters are compared at this rank. Its controls are trained on shuffled
  // targets.
  using Trials = std::set<std::string>;
  Trials trials_of(const Compared& compared, std::int64_t rank, bool shuffled = false) const {
    Trials trials;
    for (const EvidenceGroup& group : sweep_.groups)
      if (is_of(compared, group) && group.rank == rank && group.shuffled_targets == shuffled)
        for (const EvidenceTrial& trial : group.trials) trials.insert(trial.id);
    return trials;
  }

  // What the sweep's analysis lacks of what this statistic reads, and how to ask for it; empty
  // where it lacks nothing.
  std::string not_analysed() const {
    const auto asks = [](const std::string& lacking, const std::string& setting) {
      return "the sweep's analysis has no " + lacking + "; write 'analysis: {" + setting +
             "}' in the sweep file and run it again, which trains nothing";
    };
    if (claim_.statistic == "amplification") {
      const std::vector<Row> analysed =
          results_.rows("SELECT 1 FROM amplifications WHERE sweep = ? LIMIT 1", {sweep_.sweep});
      return analysed.empty() ? asks("amplification", "amplification: true") : "";
    }
    const std::string relation = claim_.statistic == "shared_directions" ? "ranks" : "seeds";
    const std::vector<Row> analysed = results_.rows(
        "SELECT DISTINCT directions FROM similarities WHERE sweep = ? AND relation = ?",
        {sweep_.sweep, relation});
    if (analysed.empty()) return asks("pairs '" + relation + "'", "pairs: [" + relation + "]");
    const bool has =
        std::ranges::any_of(analysed, [](const Row& r) { return text_in(r[0]) == "a"; });
    return has ? "" : asks("directions 'a'", "directions: [a, dw]");
  }

  // Whether several trials begin from one A: the analysis sets none of these against each other.
  bool begin_alike(const Trials& trials) const {
    std::set<std::string> starts;
    for (const EvidenceGroup& group : sweep_.groups)
      for (const EvidenceTrial& trial : group.trials)
        if (trials.contains(trial.id)) {
          const auto given = init_seeds_.find(trial.id);  // stored where the sweep file gives it
          starts.insert(given == init_seeds_.end() ? std::to_string(trial.seed) : given->second);
        }
    return trials.size() > 1 && starts.size() == 1;
  }

  // Estimates of one value a seed, and of the same on the null.
  void add(EvaluatedContrast made, const ClaimContrast& contrast,
           const std::map<std::int64_t, double>& values, const std::map<std::int64_t, double>& null,
           std::vector<EvaluatedContrast>& all) const {
    const auto units = [](const std::map<std::int64_t, double>& from) {
      std::vector<double> list;
      for (const auto& [seed, value] : from) list.push_back(value);
      return list;
    };
    add_units(made, units(values), claim_.seeds, contrast.region);
    if (const std::string lacking = values.empty() ? not_analysed() : ""; !lacking.empty())
      made.finding.missing = lacking;
    const std::vector<double> null_units = units(null);
    if (made.contrast && static_cast<std::int64_t>(null_units.size()) >= claim_.seeds)
      made.control = Contrast{unit_estimate(Eigen::Map<const RealVector>(
                                  null_units.data(), static_cast<Eigen::Index>(null_units.size()))),
                              contrast.region, contrast.margin};
    all.push_back(std::move(made));
  }

  // Figure 3. With k the small rank: how much of the small adapter's first direction lies in the
  // large one's first k, and how much of its other directions does on average.
  struct Shared {
    double top = 0, others = 0;
  };
  static Shared shared_of(const std::vector<float>& phi, std::int64_t rows, std::int64_t cols,
                          std::int64_t dimension) {
    const std::int64_t k = std::min(rows, cols);
    const double chance = static_cast<double>(k) / static_cast<double>(dimension);
    const double first = phi[static_cast<std::size_t>(k - 1)];
    const double all =
        phi[static_cast<std::size_t>((k - 1) * cols + k - 1)] * static_cast<double>(k);
    return {excess(first, chance), excess((all - first) / static_cast<double>(k - 1), chance)};
  }

  void add_shared(const Compared& compared, const std::string& site,
                  std::vector<EvaluatedContrast>& all) {
    BySeed top, difference, null_top, null_difference;
    const std::vector<std::int64_t>& ranks = compared.ranks;
    const Trials small = trials_of(compared, ranks[0]), large = trials_of(compared, ranks[1]);
    const auto keep = [](BySeed& tops, BySeed& differences, std::int64_t seed,
                         const Shared& shared) {
      tops[seed].push_back(shared.top);
      differences[seed].push_back(shared.top - shared.others);
    };
    for (const Row& row : results_.rows(
             fmt::format(
                 "SELECT s.seed_one, s.rows, s.cols, s.dimension, {}, s.layer, s.one, s.other FROM "
                 "similarities s WHERE s.sweep = ? AND s.task = ? AND s.targets = ? AND s.site = ? "
                 "AND s.relation = 'ranks' AND s.directions = 'a' AND s.rank_one = ? AND "
                 "s.rank_other = ? ORDER BY s.seed_one, s.layer",
                 kPhiOfRow),
             {sweep_.sweep, compared.task, claim_.targets, site, ranks[0], ranks[1]})) {
      if (!small.contains(text_in(row[6])) || !large.contains(text_in(row[7]))) continue;
      const std::int64_t seed = integer_of(row[0]), rows = integer_of(row[1]),
                         cols = integer_of(row[2]);
      const std::int64_t dimension = integer_of(row[3]), layer = integer_of(row[5]);
      keep(top, difference, seed,
           shared_of(floats_of_blob(text_in(row[4]), rows * cols), rows, cols, dimension));
      const auto name = [&](std::int64_t rank) {
        return fmt::format("{} {} {} r{}", claim_.id, site, layer, rank);
      };
      const SharedDirections drawn =
          shared_directions(random_adapter(name(rows), rows, dimension, seed),
                            random_adapter(name(cols), cols, dimension, seed));
      std::vector<float> phi;
      for (Eigen::Index i = 0; i < rows; ++i)
        for (Eigen::Index j = 0; j < cols; ++j) phi.push_back(static_cast<float>(drawn.phi(i, j)));
      keep(null_top, null_difference, seed, shared_of(phi, rows, cols, dimension));
    }
    for (const ClaimContrast& contrast : claim_.contrasts) {
      const bool tops = contrast.quantity == "top";
      add(begin(contrast, compared,
                fmt::format("{} {}, r{} and r{}", site,
                            tops ? "first direction" : "first less others", ranks[0], ranks[1])),
          contrast, seed_means(tops ? top : difference),
          seed_means(tops ? null_top : null_difference), all);
    }
  }

  // Figure 4. Pairs of seeds are not independent: the seed is the unit, left out one at a time.
  using Pairs = std::map<std::pair<std::int64_t, std::int64_t>, double>;

  Pairs pairs_of(const std::string& task, const std::string& site, std::int64_t rank,
                 const Trials& trials, std::int64_t& layers, std::int64_t& dimension) {
    std::map<std::pair<std::int64_t, std::int64_t>, std::vector<double>> values;
    for (const Row& row :
         results_.rows("SELECT seed_one, seed_other, mean_excess, layer, dimension, one, other "
                       "FROM similarities WHERE sweep = ? AND "
                       "task = ? AND targets = ? AND site = ? AND relation = 'seeds' AND "
                       "directions = 'a' AND rank_one = ? "
                       "ORDER BY seed_one, seed_other, layer",
                       {sweep_.sweep, task, claim_.targets, site, rank})) {
      if (!trials.contains(text_in(row[5])) || !trials.contains(text_in(row[6]))) continue;
      values[std::minmax(integer_of(row[0]), integer_of(row[1]))].push_back(number_of(row[2]));
      layers = std::max(layers, integer_of(row[3]) + 1);
      dimension = integer_of(row[4]);
    }
    Pairs pairs;
    for (const auto& [seeds, list] : values)
      if (std::ranges::all_of(list, [](double v) { return std::isfinite(v); }))
        pairs[seeds] = mean_of(list);
    return pairs;
  }

  Pairs random_pairs(const std::set<std::int64_t>& seeds, const std::string& site,
                     std::int64_t rank, std::int64_t layers, std::int64_t dimension) const {
    Pairs pairs;
    for (std::int64_t layer = 0; layer < layers; ++layer) {
      std::map<std::int64_t, LeadingVectors> drawn;
      for (const std::int64_t seed : seeds)
        drawn[seed] =
            random_adapter(fmt::format("{} {} {}", claim_.id, site, layer), rank, dimension, seed);
      for (auto one = drawn.begin(); one != drawn.end(); ++one)
        for (auto other = std::next(one); other != drawn.end(); ++other)
          pairs[{one->first, other->first}] +=
              shared_directions(one->second, other->second).mean_excess.value_or(0) /
              static_cast<double>(layers);
    }
    return pairs;
  }

  static std::optional<double> mean_without(const Pairs& pairs,
                                            std::optional<std::int64_t> left_out) {
    std::vector<double> kept;
    for (const auto& [seeds, value] : pairs)
      if (!left_out || (seeds.first != *left_out && seeds.second != *left_out))
        kept.push_back(value);
    if (kept.empty()) return std::nullopt;
    return mean_of(kept);
  }

  static std::optional<Estimate> between_seeds(const Pairs& pairs,
                                               const std::set<std::int64_t>& seeds) {
    const std::optional<double> all = mean_without(pairs, std::nullopt);
    if (!all) return std::nullopt;
    RealVector without(static_cast<Eigen::Index>(seeds.size()));
    Eigen::Index at = 0;
    for (const std::int64_t seed : seeds) {
      const std::optional<double> mean = mean_without(pairs, seed);
      if (!mean) return std::nullopt;
      without[at++] = *mean;
    }
    return jackknife_estimate(*all, without);
  }

  static Pairs less(const Pairs& one, const Pairs& other) {
    Pairs difference;
    for (const auto& [seeds, value] : one)
      if (const auto found = other.find(seeds); found != other.end())
        difference[seeds] = value - found->second;
    return difference;
  }

  void add_between_seeds(const Compared& compared, std::vector<EvaluatedContrast>& all) {
    const std::int64_t rank = compared.ranks.front();
    const Trials trials = trials_of(compared, rank), controls = trials_of(compared, rank, true);
    std::int64_t layers = 0, dimension = 0;
    // What a contrast is about, as measured or, for the control, of random adapters.
    const auto difference = [&](const std::string& quantity, const auto& pairs) {
      const std::string& site = claim_.sites[quantity.starts_with("second")];
      if (quantity.ends_with("_less_shuffled")) return less(pairs(site, false), pairs(site, true));
      if (quantity == "first_minus_second")
        return less(pairs(site, false), pairs(claim_.sites[1], false));
      return pairs(site, false);
    };
    const auto measured = [&](const std::string& site, bool shuffled) {
      return pairs_of(compared.task, site, rank, shuffled ? controls : trials, layers, dimension);
    };
    for (const ClaimContrast& contrast : claim_.contrasts) {
      const Pairs pairs = difference(contrast.quantity, measured);
      std::set<std::int64_t> seeds;
      for (const auto& [pair, value] : pairs) seeds.insert({pair.first, pair.second});
      const auto drawn = [&](const std::string& site, bool shuffled) {
        return random_pairs(seeds, shuffled ? site + " shuffled" : site, rank, layers, dimension);
      };
      EvaluatedContrast made =
          begin(contrast, compared, fmt::format("{}, rank {}", name_of(contrast.quantity), rank));
      made.finding.seeds_left = made.finding.seeds_right = static_cast<std::int64_t>(seeds.size());
      const std::string lacking = seeds.empty() && trials.size() > 1 ? not_analysed() : "";
      const bool with_controls = needs_controls(contrast);
      if (with_controls && controls.empty()) {
        made.finding.missing =
            "the sweep has no such group with shuffle_targets: true and all else alike";
      } else if (begin_alike(trials) || (with_controls && begin_alike(controls))) {
        made.finding.missing =
            "its seeds begin from one init_seed, so none are compared; leave init_seed out";
      } else if (!lacking.empty()) {
        made.finding.missing = lacking;
      } else if (static_cast<std::int64_t>(seeds.size()) < claim_.seeds) {
        made.finding.missing = fmt::format("{} seeds are finished and analysed, {} are needed",
                                           seeds.size(), claim_.seeds);
      } else if (const auto estimate = between_seeds(pairs, seeds)) {
        add_estimate(made, *estimate, contrast.region);
        made.finding.needed = needed_units_text(made, "seeds");
        if (const auto null = between_seeds(difference(contrast.quantity, drawn), seeds))
          made.control = Contrast{*null, contrast.region, contrast.margin};
      } else {
        made.finding.missing = "phi is undefined for some pairs of seeds";
      }
      all.push_back(std::move(made));
    }
  }

  std::string name_of(const std::string& quantity) const {
    const std::string& site = claim_.sites[quantity.starts_with("second")];
    if (quantity.ends_with("_less_shuffled"))
      return site + " less " + site + " of shuffled targets";
    return quantity == "first_minus_second" ? site + " less " + claim_.sites[1] : site;
  }

  // Table 7. Of one seed and rank, each layer's quantities.
  struct Table7 {
    double projected = 0, drawn = 0, weight = 0, random = 0, update = 0;
  };
  using Table7Rows = std::map<std::int64_t, std::vector<Table7>>;  // by seed

  Table7Rows table7(const Compared& compared, const std::string& site, std::int64_t rank) {
    Table7Rows rows;
    const Trials trials = trials_of(compared, rank);
    for (const Row& row :
         results_.rows("SELECT seed, projected, projected_drawn, projected_weight, "
                       "projected_random, update_norm, trial FROM "
                       "amplifications WHERE sweep = ? AND task = ? AND targets = ? AND site = ? "
                       "AND rank = ? "
                       "ORDER BY seed, layer",
                       {sweep_.sweep, compared.task, claim_.targets, site, rank})) {
      if (!trials.contains(text_in(row[6]))) continue;
      rows[integer_of(row[0])].push_back({.projected = number_of(row[1]),
                                          .drawn = number_of(row[2]),
                                          .weight = number_of(row[3]),
                                          .random = number_of(row[4]),
                                          .update = number_of(row[5])});
    }
    return rows;
  }

  static std::map<std::int64_t, double> logs(const Table7Rows& rows,
                                             const std::function<double(const Table7&)>& ratio) {
    BySeed values;
    for (const auto& [seed, layers] : rows)
      for (const Table7& layer : layers) values[seed].push_back(std::log2(ratio(layer)));
    return seed_means(values);
  }

  static std::map<std::int64_t, double> differences(const std::map<std::int64_t, double>& one,
                                                    const std::map<std::int64_t, double>& other) {
    std::map<std::int64_t, double> all;
    for (const auto& [seed, value] : one)
      if (const auto found = other.find(seed); found != other.end())
        all[seed] = value - found->second;
    return all;
  }

  void add_amplification(const Compared& compared, const std::string& site,
                         std::vector<EvaluatedContrast>& all) {
    const std::vector<std::int64_t>& ranks = compared.ranks;
    const Table7Rows small = table7(compared, site, ranks[0]),
                     large = table7(compared, site, ranks[1]);
    for (const ClaimContrast& contrast : claim_.contrasts) {
      const bool of_both = contrast.quantity.ends_with("small_over_large");
      // `drawn`: with a random subspace in the place of the update's.
      const auto ratio = [&](bool drawn) -> std::function<double(const Table7&)> {
        return [&, drawn](const Table7& row) {
          const double projected = drawn ? row.drawn : row.projected;
          if (contrast.quantity == "weight_over_update") return row.weight / projected;
          if (contrast.quantity == "update_over_random") return projected / row.random;
          if (contrast.quantity == "small_over_large") return row.update / projected;
          return row.random / projected;
        };
      };
      if (of_both) {
        add(begin(contrast, compared,
                  fmt::format(
                      "{} {}, r{} over r{}", site,
                      contrast.quantity == "small_over_large" ? "amplification" : "over random's",
                      ranks[0], ranks[1])),
            contrast, differences(logs(small, ratio(false)), logs(large, ratio(false))),
            differences(logs(small, ratio(true)), logs(large, ratio(true))), all);
        continue;
      }
      const char* what =
          contrast.quantity == "weight_over_update" ? "W's own / dW's" : "dW's / random";
      for (std::size_t i = 0; i < ranks.size(); ++i) {
        const Table7Rows& rows = i == 0 ? small : large;
        add(begin(contrast, compared, fmt::format("{} {}, r{}", site, what, ranks[i])), contrast,
            logs(rows, ratio(false)), logs(rows, ratio(true)), all);
      }
    }
  }

  const Claim& claim_;
  const EvidenceSweep& sweep_;
  ResultsReader& results_;
  std::set<std::string> pissa_trials_;
  std::map<std::string, std::string> init_seeds_;  // by trial
  std::set<std::string> analysed_elsewhere_;       // trials whose adapter is another's
};

}  // namespace

std::vector<EvaluatedContrast> adapter_contrasts(const Claim& claim, const EvidenceSweep& sweep,
                                                 Evidence& evidence) {
  return AdapterContrasts(claim, sweep, evidence).run();
}

}  // namespace rankscope
