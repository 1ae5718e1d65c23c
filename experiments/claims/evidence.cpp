#include "experiments/claims/evidence.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "datasets/task.h"
#include "experiments/claims/cut_prompts.h"
#include "experiments/claims/rate_search.h"
#include "experiments/claims/tell_apart.h"
#include "experiments/claims/training_device.h"
#include "results/cells.h"

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

VariantOrder variant_order(const EvidenceGroup& group) {
  return {group.variant_kind, group.variant};
}

std::string headline_metric(const EvidenceGroup& group, const std::vector<std::string>& metrics) {
  const auto is_there = [&](const std::string& metric) {
    return std::ranges::find(metrics, metric) != metrics.end();
  };
  if (is_there(group.metric)) return group.metric;
  for (const Task& task : tasks()) {
    if (task.name != group.kind) continue;
    for (const std::string_view metric : task.metrics)
      if (is_there(std::string(metric))) return std::string(metric);
  }
  return metrics.empty() ? std::string() : metrics.front();
}

std::string expected_metric(const EvidenceGroup& group) {
  if (!group.metric.empty()) return group.metric;
  const auto task = std::ranges::find(tasks(), group.kind, &Task::name);
  return task == tasks().end() ? std::string() : std::string(task->metrics.front());
}

Evidence::Evidence(ResultsReader& results) : results_(results) {
  for (const auto& [sweep, base] : shown_bases(results))
    sweeps_.push_back({sweep, base, std::nullopt, {}, {}});
  for (const Row& row : results.rows(
           "SELECT sweep, CAST(value AS INTEGER) FROM environment WHERE key = 'base_parameters' "
           "GROUP BY sweep HAVING min(value) = max(value)")) {
    const auto sweep = std::ranges::find(sweeps_, text_in(row[0]), &EvidenceSweep::sweep);
    if (sweep != sweeps_.end()) sweep->base_parameters = integer_in(row[1]);
  }
  for (SeenTask& seen : seen_tasks(results)) {
    const auto sweep = std::ranges::find(sweeps_, seen.sweep, &EvidenceSweep::sweep);
    if (sweep != sweeps_.end()) sweep->seen.push_back(std::move(seen));
  }
  std::map<std::pair<std::string, std::string>, std::int64_t> scored;
  for (const Row& row :
       results.rows("SELECT sweep, trial, max(count) FROM scores GROUP BY sweep, trial"))
    scored[{text_in(row[0]), text_in(row[1])}] = integer_in(row[2]).value_or(0);
  std::map<std::pair<std::string, std::string>, std::map<std::string, double>> timings;
  for (const Row& row : results.rows("SELECT sweep, trial, name, value FROM timings"))
    if (const auto value = number_in(row[3]))
      timings[{text_in(row[0]), text_in(row[1])}][text_in(row[2])] = *value;
  std::map<std::pair<std::string, std::string>, std::map<std::string, std::string>> sizes;
  for (const std::string_view key : kSizeKeys) {
    for (const Row& row :
         results.rows("SELECT sweep, trial, value FROM config WHERE key = 'settings.' || ?",
                      {std::string(key)}))
      sizes[{text_in(row[0]), text_in(row[1])}][std::string(key)] = text_in(row[2]);
  }
  std::map<std::pair<std::string, std::string>, std::string> scored_as;
  for (const Row& row :
       results.rows("SELECT sweep, trial, key, value FROM config WHERE key LIKE 'score.%' OR "
                    "key LIKE 'decoding.%' OR key IN ('free_text', 'precision') "
                    "ORDER BY sweep, trial, key"))
    scored_as[{text_in(row[0]), text_in(row[1])}] +=
        fmt::format("{}={}\n", text_in(row[2]), text_in(row[3]));
  const auto scored_cut = cut_prompts(results, "scored"),
             trained_cut = cut_prompts(results, "train");
  const auto searches = rate_searches(results);
  auto devices = training_devices(results);
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
      "'metric'), "
      "(SELECT CAST(value AS INTEGER) FROM environment e WHERE e.sweep = t.sweep AND e.trial = "
      "t.trial AND e.key = 'train_examples'), "
      "(SELECT number FROM config c WHERE c.sweep = t.sweep AND c.trial = t.trial AND c.key IN "
      "('settings.lr', 'tuned.lr')), t.train_hash "
      "FROM trials t WHERE t.role = 'scored' ORDER BY t.sweep, t.task, t.method, t.targets, "
      "t.rank, "
      "t.setting, t.seed, t.trial");
  // By sweep, task and limit.
  std::map<std::tuple<std::string, std::string, std::optional<std::int64_t>>, std::int64_t>
      examples_read;
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
    if (const auto rate = number_in(row[17])) group->rate = rate;
    if (const auto read = integer_in(row[16]))
      examples_read[{sweep->sweep, group->task, group->train_examples}] = *read;
    if (!text_in(row[6]).empty()) {
      group->dataset = text_in(row[6]);
      group->scored_examples = scored[{sweep->sweep, text_in(row[9])}];
    }
    const std::pair<std::string, std::string> trial(sweep->sweep, text_in(row[9]));
    if (const auto cut = scored_cut.find(trial); cut != scored_cut.end())
      group->scored_cut = cut->second;
    if (const auto cut = trained_cut.find(trial); cut != trained_cut.end())
      group->trained_cut = cut->second;
    if (const auto search = searches.find(trial); search != searches.end())
      group->search = search->second;
    const std::string state = text_in(row[10]);
    if (!is_finished_state(state)) {
      ++group->unfinished;
      continue;
    }
    const std::string id = text_in(row[9]);
    group->trials.push_back({id, state, static_cast<std::uint64_t>(integer_in(row[11]).value_or(0)),
                             timings[trial], text_in(row[18]), devices[trial]});
  }
  // A limit may be more than the file has, which one finished training tells of all.
  for (EvidenceSweep& sweep : sweeps_)
    for (EvidenceGroup& group : sweep.groups)
      if (const auto read = examples_read.find({sweep.sweep, group.task, group.train_examples});
          read != examples_read.end() && group.train_examples != kAllExamples)
        group.train_examples = read->second;
  give_tasks_their_bases();
  name_settings();
}

const Evidence::Outcomes& Evidence::outcomes_of(const std::string& sweep,
                                                const std::string& trial) {
  const auto [found, is_new] = cache_.try_emplace({sweep, trial});
  if (is_new) {
    for (const Row& row :
         results_.rows("SELECT metric, example, outcome FROM predictions_scored WHERE trial = ? "
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

void Evidence::name_settings() {
  std::map<std::string, std::map<std::string, SettingValues>> values;  // by sweep and trial
  for (const Row& row :
       results_.rows("SELECT sweep, trial, key, value FROM config WHERE key LIKE 'settings.%' OR "
                     "key IN ('steps', 'epochs', 'precision', 'keep', 'eval_every', 'init_seed', "
                     "'data_seed')"))
    values[text_in(row[0])][text_in(row[1])][text_in(row[2])] = text_in(row[3]);
  for (EvidenceSweep& sweep : sweeps_) {
    for (EvidenceGroup& group : sweep.groups)
      group.values = values[sweep.sweep][group.example_trial];
    tell_apart(sweep.groups);
    name_controls(sweep.groups);
    std::ranges::stable_sort(sweep.groups, {}, [](const EvidenceGroup& g) {
      return std::make_tuple(g.task, g.method, g.targets, g.rank, variant_order(g));
    });
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
  RealMatrix matrix(static_cast<Eigen::Index>(rows.size()),
                    static_cast<Eigen::Index>(rows.front()->size()));
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

std::vector<std::string> Evidence::examples(const EvidenceGroup& group, const std::string& metric) {
  const EvidenceGroup* base = group.dataset.empty() ? base_of(group) : nullptr;
  std::vector<std::string> all{base == nullptr ? group.dataset : base->dataset};
  for (const auto& [example, outcome] :
       outcomes_that_count(group, group.trials.front()).by_metric.at(metric))
    all.push_back(example);
  return all;
}

}  // namespace rankscope
