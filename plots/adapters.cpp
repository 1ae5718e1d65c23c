#include "plots/adapters.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "plots/format.h"
#include "results/cells.h"
#include "results/phi_blob.h"

namespace rankscope {

namespace {

template <typename T>
void add_sorted(std::vector<T>& values, const T& value) {
  const auto at = std::ranges::lower_bound(values, value);
  if (at == values.end() || *at != value) values.insert(at, value);
}

int site_order(const std::string& site) {
  static constexpr std::array<std::string_view, 4> kSites{"Wq", "Wk", "Wv", "Wo"};
  return static_cast<int>(std::ranges::find(kSites, site) - kSites.begin());
}

std::vector<std::int64_t> merit(const AdapterGroup& group, std::int64_t chosen) {
  const bool as_in_paper = group.targets == "Wq+Wv";
  return {chosen, as_in_paper ? 1 : 0, as_in_paper ? 0 : std::ssize(group.sites),
          std::ssize(group.ranks), std::ssize(group.trials)};
}

bool of_one_set(const AdapterGroup& a, const AdapterGroup& b) {
  return a.task == b.task && a.sweep == b.sweep && a.targets == b.targets;
}

using SweepAndTrial = std::pair<std::string, std::string>;

// As ScoreFinding's.
std::map<SweepAndTrial, std::string> variants_of(ReportData& data) {
  std::map<SweepAndTrial, std::string> variants;
  for (const Row& row : data.rows("SELECT sweep, trial, setting FROM trials WHERE role = 'scored'"))
    if (const ScoreFinding* const score = data.score_of(text_in(row[0]), text_in(row[2])))
      variants[{text_in(row[0]), text_in(row[1])}] = score->variant;
  return variants;
}

}  // namespace

std::string AdapterGroup::middle_layer_text() const {
  return fmt::format("layer {} (from 0; {} analysed)", middle_layer(), layers.size());
}

std::optional<std::int64_t> AdapterGroup::small_rank() const {
  std::optional<std::int64_t> small;
  for (const std::int64_t rank : ranks)
    if (rank != ranks.back() && (!small || rank <= 8)) small = rank;
  return small;
}

std::string AdapterGroup::trials_text() const {
  return fmt::format(" {} ", fmt::join(trials, " "));
}

std::vector<std::string> AdapterGroup::shown_sites() const {
  const auto has = [&](const char* site) { return std::ranges::find(sites, site) != sites.end(); };
  if (has("Wq") && has("Wv")) return {"Wq", "Wv"};
  return {sites.begin(), sites.begin() + std::min<std::ptrdiff_t>(2, std::ssize(sites))};
}

std::vector<AdapterGroup> adapter_groups(ReportData& data) {
  std::map<SweepAndTrial, std::string> variants = variants_of(data);
  const bool several_bases = data.several_bases();
  std::set<SweepAndTrial> of_pissa;
  for (const Row& row :
       data.rows("SELECT sweep, trial FROM config WHERE key = 'settings.init' AND value = 'pissa'"))
    of_pissa.insert({text_in(row[0]), text_in(row[1])});
  // Whether by site, sweep, task, targets, variant.
  using Key = std::tuple<bool, std::string, std::string, std::string, std::string>;
  std::map<Key, AdapterGroup> groups;
  std::map<Key, std::vector<std::string>> controls;
  for (const Row& row : data.rows(
           "SELECT DISTINCT sweep, task, targets, rank, layer, site, trial FROM adapter_values")) {
    const std::optional<std::int64_t> rank = integer_in(row[3]);
    const std::string variant = variants[{text_in(row[0]), text_in(row[6])}];
    const Key key{!rank, text_in(row[0]), text_in(row[1]), text_in(row[2]), variant};
    if (data.is_control(text_in(row[6]))) {
      add_sorted(controls[key], text_in(row[6]));
      continue;
    }
    AdapterGroup& group = groups[key];
    group.variant = variant;
    add_sorted(group.trials, text_in(row[6]));
    group.is_pissa = group.is_pissa || of_pissa.contains({text_in(row[0]), text_in(row[6])});
    group.sweep = text_in(row[0]);
    if (several_bases) group.base = data.base_of(group.sweep);
    group.task = text_in(row[1]);
    group.targets = text_in(row[2]);
    if (rank) add_sorted(group.ranks, *rank);
    add_sorted(group.layers, integer_in(row[4]).value_or(0));
    const std::string site = text_in(row[5]);
    if (std::ranges::find(group.sites, site) == group.sites.end()) group.sites.push_back(site);
  }
  std::vector<AdapterGroup> all;
  for (auto& [key, group] : groups) {
    std::ranges::sort(group.sites, {},
                      [](const std::string& s) { return std::make_pair(site_order(s), s); });
    group.controls = std::move(controls[key]);
    all.push_back(std::move(group));
  }
  return all;
}

GroupChoice with_any_of(ReportData& data, const std::string& question) {
  std::set<SweepAndTrial> known;
  for (const Row& row : data.rows(question)) known.insert({text_in(row[0]), text_in(row[1])});
  return [known = std::move(known)](const AdapterGroup& group) -> std::optional<std::int64_t> {
    for (const std::string& trial : group.trials)
      if (known.contains({group.sweep, trial})) return 1;
    return std::nullopt;
  };
}

ShownGroups choose_groups(ReportData& data, const GroupChoice& choice, std::size_t most_variants) {
  struct Candidate {
    std::vector<std::int64_t> merit;
    AdapterGroup group;
  };
  std::vector<Candidate> candidates;
  ShownGroups groups;
  for (AdapterGroup& group : adapter_groups(data)) {
    const std::optional<std::int64_t> chosen = choice(group);
    if (!chosen) continue;
    if (group.has_ranks_by_site())
      groups.left_out.push_back(std::move(group));
    else
      candidates.push_back({merit(group, *chosen), std::move(group)});
  }
  std::ranges::stable_sort(candidates, [](const Candidate& a, const Candidate& b) {
    const auto place = [](const AdapterGroup& g) {
      return std::make_tuple(task_order(g.task), g.task, g.base);
    };
    const auto one = place(a.group), other = place(b.group);
    return one != other ? one < other : a.merit > b.merit;
  });
  std::optional<AdapterGroup> first;
  std::size_t variants = 0;
  for (Candidate& candidate : candidates) {
    AdapterGroup& group = candidate.group;
    if (!first || group.task != first->task || group.base != first->base) {
      first = group;
      variants = 0;
    }
    const bool is_shown = of_one_set(group, *first) && variants++ < most_variants;
    (is_shown ? groups.shown : groups.left_out).push_back(std::move(group));
  }
  return groups;
}

std::string left_out_settings(const ShownGroups& groups, const std::string& where) {
  // Of the matrices that are shown, and of others.
  std::vector<std::pair<std::string, std::int64_t>> counts;
  for (const AdapterGroup& group : groups.left_out) {
    const bool same = std::ranges::any_of(
        groups.shown, [&](const AdapterGroup& shown) { return of_one_set(group, shown); });
    const std::string name =
        fmt::format("{} on {}", same ? "LoRA " + group.targets : "other matrices or sweeps",
                    task_on_base(group));
    const auto found =
        std::ranges::find(counts, name, &std::pair<std::string, std::int64_t>::first);
    if (found == counts.end())
      counts.emplace_back(name, 1);
    else
      ++found->second;
  }
  std::string text;
  for (const auto& [name, count] : counts)
    text += fmt::format("{}{} of {}", text.empty() ? " Not shown: " : ", ",
                        counted(count, "more setting"), name);
  return text.empty() ? text : text + "; " + where + " has all.";
}

std::string why_none(const ShownGroups& groups, const std::string& where,
                     const std::string& otherwise) {
  if (!groups.shown.empty() || groups.left_out.empty()) return otherwise;
  return "Not shown: adapters with ranks by site (`ranks` in the sweep file), which have no one "
         "rank; " +
         where + " has them.";
}

ShownGroups compared_groups(ReportData& data, const std::string& relation) {
  const GroupChoice has_pairs = with_any_of(
      data, fmt::format("SELECT DISTINCT sweep, one FROM similarities WHERE relation = '{}' AND "
                        "directions = 'a'",
                        relation));
  return choose_groups(data, [&](const AdapterGroup& group) -> std::optional<std::int64_t> {
    if (!has_pairs(group)) return std::nullopt;
    return relation == "seeds" && !group.controls.empty() ? 2 : 1;
  });
}

std::string pissa_ranks(std::span<const AdapterGroup> groups) {
  if (std::ranges::none_of(groups, &AdapterGroup::is_pissa)) return {};
  return " The update of init pissa has twice the rank that is stated here: what was trained less "
         "what it began as.";
}

std::string task_on_base(const AdapterGroup& group) {
  return task_label(group.task) + (group.base.empty() ? "" : " on ") + group.base;
}

std::string matrices_label(const AdapterGroup& group) {
  return group.targets + (group.variant.empty() ? "" : ", ") + group.variant;
}

std::string group_label(const AdapterGroup& group) {
  return fmt::format("LoRA {} on {} (sweep {})", matrices_label(group), task_on_base(group),
                     group.sweep);
}

std::vector<PhiKey> phi_keys(ReportData& data, const AdapterGroup& group,
                             const std::string& relation, bool of_controls) {
  std::vector<PhiKey> keys;
  for (const Row& row : data.rows("SELECT DISTINCT one, other, rank_one, rank_other, layer, site, "
                                  "directions, rows, cols, dimension, mean_excess, "
                                  "projection_metric FROM similarities WHERE relation = ? AND "
                                  "sweep = ? AND task = ? AND targets = ? "
                                  "ORDER BY one, other, layer, site, directions",
                                  {relation, group.sweep, group.task, group.targets})) {
    const std::string one = text_in(row[0]), other = text_in(row[1]);
    const bool has_other = integer_in(row[3]).has_value();  // else W, or the A of the start
    const auto is_wanted = [&](const std::string& trial) {
      return std::ranges::binary_search(of_controls ? group.controls : group.trials, trial);
    };
    if (!is_wanted(one) || (has_other && !is_wanted(other))) continue;
    keys.push_back({.sweep = group.sweep,
                    .one = one,
                    .other = other,
                    .rank_one = integer_in(row[2]).value_or(0),
                    .rank_other = integer_in(row[3]),
                    .layer = integer_in(row[4]).value_or(0),
                    .site = text_in(row[5]),
                    .directions = text_in(row[6]),
                    .rows = integer_in(row[7]).value_or(0),
                    .cols = integer_in(row[8]).value_or(0),
                    .dimension = integer_in(row[9]).value_or(0),
                    .mean_excess = number_in(row[10]),
                    .projection_metric = number_in(row[11])});
  }
  return keys;
}

std::optional<PhiMean> mean_phi(ReportData& data, const std::vector<PhiKey>& keys) {
  std::optional<PhiMean> mean;
  for (const PhiKey& key : keys) {
    const std::vector<Row> rows = data.rows(
        fmt::format("SELECT {} FROM (SELECT ? AS sweep, ? AS one, ? AS other, ? AS layer, ? AS "
                    "site, ? AS directions) s",
                    kPhiOfRow),
        {key.sweep, key.one, key.other, key.layer, key.site, key.directions});
    const std::string stored = text_in(rows.at(0).at(0));
    if (stored.empty()) continue;
    const PhiMean shape{.rows = key.rows, .cols = key.cols, .dimension = key.dimension};
    const std::vector<float> phi = floats_of_blob(stored);
    if (phi.empty() || std::ssize(phi) != shape.rows * shape.cols) continue;
    if (!mean) {
      mean = shape;
      mean->values.resize(phi.size());
    }
    if (mean->rows != shape.rows || mean->cols != shape.cols || mean->dimension != shape.dimension)
      continue;
    ++mean->pairs;
    for (std::size_t i = 0; i < phi.size(); ++i) mean->values[i] += phi[i];
  }
  if (mean)
    for (double& value : mean->values) value /= static_cast<double>(mean->pairs);
  return mean;
}

}  // namespace rankscope
