#include "experiments/claims/evidence.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "results/cells.h"
#include "results/findings.h"

namespace rankscope {

namespace {

bool is_finished_state(const std::string& state) { return state == "done" || state == "diverged"; }

}  // namespace

std::string group_name(const EvidenceGroup& g) {
  std::string name = g.method;
  if (!g.targets.empty()) name += " " + g.targets;
  if (g.rank) name += fmt::format(" r{}", *g.rank);
  if (!g.size.empty()) name += " " + g.size;
  if (!g.others.empty()) name += ", " + g.others;
  return name;
}

std::string headline_metric(const EvidenceGroup& group, const std::vector<std::string>& metrics) {
  const auto is_there = [&](const std::string& metric) {
    return std::ranges::find(metrics, metric) != metrics.end();
  };
  if (is_there(group.metric)) return group.metric;
  static const std::map<std::string, std::string> known = {
      {"wikisql", "logical_form"}, {"mnli", "accuracy"}, {"samsum", "rouge1"}};
  const auto found = known.find(group.kind);
  if (found != known.end() && is_there(found->second)) return found->second;
  return metrics.empty() ? std::string() : metrics.front();
}

Evidence::Evidence(ResultsReader& results) : results_(results) {
  for (const Row& row : results.rows("SELECT sweep, base FROM sweeps ORDER BY sweep"))
    sweeps_.push_back({text_in(row[0]), text_in(row[1]), std::nullopt, {}});
  for (const Row& row : results.rows("SELECT sweep, CAST(value AS INTEGER) FROM environment WHERE key = 'base_parameters' "
                                     "GROUP BY sweep HAVING min(value) = max(value)")) {
    const auto sweep = std::ranges::find(sweeps_, text_in(row[0]), &EvidenceSweep::sweep);
    if (sweep != sweeps_.end()) sweep->base_parameters = integer_in(row[1]);
  }
  std::map<std::string, std::int64_t> examples;
  for (const Row& row : results.rows("SELECT dataset, examples FROM datasets"))
    examples[text_in(row[0])] = integer_in(row[1]).value_or(0);
  std::map<std::pair<std::string, std::string>, std::map<std::string, double>> timings;
  for (const Row& row : results.rows("SELECT sweep, trial, name, value FROM timings"))
    if (const auto value = number_in(row[3])) timings[{text_in(row[0]), text_in(row[1])}][text_in(row[2])] = *value;
  std::map<std::pair<std::string, std::string>, std::map<std::string, std::string>> sizes;
  for (const std::string_view key : kSizeKeys) {
    for (const Row& row : results.rows("SELECT sweep, trial, value FROM config WHERE key = 'settings.' || ?", {std::string(key)}))
      sizes[{text_in(row[0]), text_in(row[1])}][std::string(key)] = text_in(row[2]);
  }
  std::map<std::pair<std::string, std::string>, std::string> scored_as;
  for (const Row& row :
       results.rows("SELECT sweep, trial, key, value FROM config WHERE key LIKE 'score.%' OR "
                    "key LIKE 'decoding.%' OR key IN ('free_text', 'precision') "
                    "ORDER BY sweep, trial, key"))
    scored_as[{text_in(row[0]), text_in(row[1])}] +=
        fmt::format("{}={}\n", text_in(row[2]), text_in(row[3]));
  const auto rows = results.rows(
      "SELECT t.sweep, t.setting, t.grp, t.task, t.method, t.targets, t.dataset, t.rank, "
      "t.trainable_parameters, t.trial, t.state, t.seed, "
      "(SELECT value FROM config c WHERE c.sweep = t.sweep AND c.trial = t.trial AND c.key = "
      "'score.task'), "
      "(SELECT number FROM config c WHERE c.sweep = t.sweep AND c.trial = t.trial AND c.key = "
      "'train.limit'), "
      "(SELECT value FROM config c WHERE c.sweep = t.sweep AND c.trial = t.trial AND c.key = "
      "'shuffle_targets'), "
      "(SELECT value FROM config c WHERE c.sweep = t.sweep AND c.trial = t.trial AND c.key = "
      "'metric') "
      "FROM trials t WHERE t.role = 'scored' ORDER BY t.sweep, t.task, t.method, t.targets, "
      "t.rank, "
      "t.setting, t.seed, t.trial");
  for (const Row& row : rows) {
    const auto sweep = std::ranges::find(sweeps_, text_in(row[0]), &EvidenceSweep::sweep);
    if (sweep == sweeps_.end()) continue;
    const std::string setting = text_in(row[1]);
    auto group = std::ranges::find_if(sweep->groups, [&](const EvidenceGroup& g) {
      return g.setting == setting && g.task == text_in(row[3]);
    });
    if (group == sweep->groups.end()) {
      EvidenceGroup made;
      made.sweep = sweep->sweep;
      made.setting = setting;
      made.label = text_in(row[2]);
      made.task = text_in(row[3]);
      made.kind = text_in(row[12]);
      made.method = text_in(row[4]);
      made.targets = text_in(row[5]);
      made.rank = integer_in(row[7]);
      if (const auto limit = number_in(row[13]))
        made.train_examples = *limit > 0 ? static_cast<std::int64_t>(*limit) : kAllExamples;
      made.metric = text_in(row[15]);
      made.shuffled_targets = text_in(row[14]) == "true";
      made.example_trial = text_in(row[9]);
      made.scored_as = scored_as[{sweep->sweep, text_in(row[9])}];
      made.size = shown_size(sizes[{sweep->sweep, text_in(row[9])}]);
      sweep->groups.push_back(std::move(made));
      group = sweep->groups.end() - 1;
    }
    if (const auto parameters = integer_in(row[8])) group->parameters = parameters;
    if (!text_in(row[6]).empty()) {
      group->dataset = text_in(row[6]);
      group->scored_examples = examples[group->dataset];
    }
    const std::string state = text_in(row[10]);
    if (!is_finished_state(state)) {
      ++group->unfinished;
      continue;
    }
    const std::string id = text_in(row[9]);
    group->trials.push_back({id, state, static_cast<std::uint64_t>(integer_in(row[11]).value_or(0)),
                             timings[{sweep->sweep, id}]});
  }
  give_tasks_their_bases();
  tell_apart();
}

const Evidence::Outcomes& Evidence::outcomes_of(const std::string& sweep, const std::string& trial) {
  const auto [found, is_new] = cache_.try_emplace({sweep, trial});
  if (is_new) {
    for (const Row& row : results_.rows("SELECT metric, example, outcome FROM predictions_scored WHERE trial = ? "
                                        "AND sweep = ? AND metric IS NOT NULL",
                                        {trial, sweep}))
      if (const auto outcome = number_in(row[2]))
        found->second.by_metric[text_in(row[0])][text_in(row[1])] = *outcome;
  }
  return found->second;
}

const EvidenceGroup* Evidence::base_of(const EvidenceGroup& group) const {
  const auto sweep = std::ranges::find(sweeps_, group.sweep, &EvidenceSweep::sweep);
  const EvidenceGroup* base = nullptr;
  for (const EvidenceGroup& other : sweep->groups) {
    if (other.method != "none" || other.scored_as != group.scored_as || other.trials.empty())
      continue;
    if (other.task == group.task) return &other;
    if (base == nullptr && !group.scored_as.empty()) base = &other;
  }
  return base;
}

// Tasks that are scored on the same data have one trial of the base, under the first one's name.
void Evidence::give_tasks_their_bases() {
  for (EvidenceSweep& sweep : sweeps_) {
    std::vector<EvidenceGroup> more;
    for (const EvidenceGroup& group : sweep.groups) {
      const EvidenceGroup* base = base_of(group);
      if (base == nullptr || base->task == group.task ||
          std::ranges::find(more, group.task, &EvidenceGroup::task) != more.end())
        continue;
      more.push_back(*base);
      more.back().task = group.task;
    }
    std::ranges::move(more, std::back_inserter(sweep.groups));
  }
}

void Evidence::tell_apart() {
  std::map<std::pair<std::string, std::string>, std::map<std::string, std::string>> config;
  for (const Row& row :
       results_.rows("SELECT sweep, trial, key, value FROM config WHERE key LIKE 'settings.%' OR "
                     "key IN ('steps', 'epochs', 'precision')"))
    config[{text_in(row[0]), text_in(row[1])}][text_in(row[2])] = text_in(row[3]);
  using Alike = std::tuple<std::string, std::string, std::string, std::optional<std::int64_t>,
                           std::string, bool>;
  for (EvidenceSweep& sweep : sweeps_) {
    std::map<Alike, std::vector<EvidenceGroup*>> alike;
    for (EvidenceGroup& group : sweep.groups)
      alike[{group.task, group.method, group.targets, group.rank, group.size,
             group.shuffled_targets}]
          .push_back(&group);
    for (const auto& [key, groups] : alike) {
      if (groups.size() < 2) continue;
      std::map<std::string, std::set<std::string>> values;  // by key; empty where a group lacks it
      const auto value_of = [&](const EvidenceGroup& group, const std::string& name) {
        const auto& own = config[{group.sweep, group.example_trial}];
        const auto found = own.find(name);
        return found == own.end() ? std::string() : found->second;
      };
      for (const EvidenceGroup* group : groups)
        for (const auto& [name, value] : config[{group->sweep, group->example_trial}]) values[name];
      for (auto& [name, seen] : values)
        for (const EvidenceGroup* group : groups) seen.insert(value_of(*group, name));
      for (EvidenceGroup* group : groups) {
        for (const auto& [name, seen] : values) {
          const std::string value = value_of(*group, name);
          if (seen.size() < 2 || value.empty()) continue;
          const std::string shown = name.starts_with("settings.") ? name.substr(9) : name;
          group->others += (group->others.empty() ? "" : ", ") + shown + " " + value;
        }
      }
    }
  }
}

const Evidence::Outcomes& Evidence::outcomes_that_count(const EvidenceGroup& group,
                                                        const EvidenceTrial& trial) {
  static const Outcomes kNone;
  if (trial.state != "diverged") return outcomes_of(group.sweep, trial.id);
  const EvidenceGroup* base = base_of(group);
  return base == nullptr ? kNone : outcomes_of(group.sweep, base->trials.front().id);
}

std::vector<std::string> Evidence::metrics(const EvidenceGroup& group) {
  std::vector<std::string> names;
  for (const EvidenceTrial& trial : group.trials) {
    for (const auto& [metric, outcomes] : outcomes_that_count(group, trial).by_metric)
      if (std::ranges::find(names, metric) == names.end()) names.push_back(metric);
  }
  std::ranges::sort(names);
  return names;
}

RealMatrix Evidence::outcomes(const EvidenceGroup& group, const std::string& metric) {
  std::vector<const std::map<std::string, double>*> rows;
  for (const EvidenceTrial& trial : group.trials) {
    const Outcomes& outcomes = outcomes_that_count(group, trial);
    const auto found = outcomes.by_metric.find(metric);
    if (found == outcomes.by_metric.end()) return {};
    rows.push_back(&found->second);
  }
  if (rows.empty()) return {};
  RealMatrix matrix(static_cast<Eigen::Index>(rows.size()), static_cast<Eigen::Index>(rows.front()->size()));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i]->size() != rows.front()->size()) return {};
    Eigen::Index column = 0;
    auto first = rows.front()->begin();
    for (const auto& [example, outcome] : *rows[i]) {
      if (example != first->first) return {};
      ++first;
      matrix(static_cast<Eigen::Index>(i), column++) = outcome;
    }
  }
  return matrix;
}

}  // namespace rankscope
