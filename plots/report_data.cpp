#include "plots/report_data.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "common/natural_order.h"
#include "plots/format.h"
#include "results/cells.h"
#include "results/records.h"

namespace rankscope {

namespace {

template <std::size_t N>
int place_in(const std::array<std::string_view, N>& names, std::string_view name) {
  return static_cast<int>(std::ranges::find(names, name) - names.begin());
}

// In the order of the paper's tables, and those that it does not have.
constexpr std::array<std::string_view, 15> kMethods{"none",
                                                    "full",
                                                    "ft_top2",
                                                    "bitfit",
                                                    "prefix_embed",
                                                    "prefix_layer",
                                                    "prefix_kv",
                                                    "adapter_l",
                                                    "adapter_p",
                                                    "adapter_h",
                                                    "lora",
                                                    "lora+prefix_embed",
                                                    "lora+prefix_layer",
                                                    "dora",
                                                    "adalora"};
constexpr std::array<std::string_view, 3> kTasks{"wikisql", "mnli", "samsum"};
constexpr std::array<std::string_view, 7> kTargets{"Wq",    "Wk",    "Wv",         "Wo",
                                                   "Wq+Wk", "Wq+Wv", "Wq+Wk+Wv+Wo"};

auto order_of(const ScoreFinding& s) {
  return std::make_tuple(s.base, task_order(s.task), method_order(s.method), s.method,
                         targets_order(s.targets), s.parameters, s.rank, s.size, s.others,
                         s.train_examples, natural_key(s.sweep), s.group, s.setting);
}

void keep_first(std::vector<std::string>& names, const std::string& name) {
  if (std::ranges::find(names, name) == names.end()) names.push_back(name);
}

}  // namespace

ReportData::ReportData(ResultsReader& results, const Findings& findings)
    : results_(results), findings_(findings) {
  read_sweeps();
  for (const Row& row :
       rows(fmt::format("SELECT trial, setting FROM trial WHERE trial IN ({})", kControlTrials))) {
    controls_.insert(text_in(row[0]));
    control_settings_.insert(text_in(row[1]));
  }
  choose_scores();
}

void ReportData::read_sweeps() {
  std::map<std::string, std::string> bases = shown_bases(results_);
  for (const Row& row :
       rows("SELECT w.sweep, w.base_hash, s.file_text, w.trials, w.done, w.diverged, "
            "w.failed, w.pending FROM sweeps w JOIN sweep s ON s.sweep = w.sweep")) {
    SweepFacts facts{.sweep = text_in(row[0]),
                     .base = bases[text_in(row[0])],
                     .base_hash = text_in(row[1]),
                     .file_text = text_in(row[2])};
    std::int64_t* const counts[] = {&facts.trials, &facts.done, &facts.diverged, &facts.failed,
                                    &facts.pending};
    for (std::size_t i = 0; i < std::size(counts); ++i)
      *counts[i] = integer_in(row[3 + i]).value_or(0);
    sweeps_.push_back(std::move(facts));
  }
  std::ranges::sort(sweeps_, {}, [](const SweepFacts& facts) { return natural_key(facts.sweep); });
}

void ReportData::choose_scores() {
  for (const ScoreFinding& score : findings_.scores)
    if (score.headline && !control_settings_.contains(score.setting)) scores_.push_back(&score);
  std::ranges::stable_sort(scores_, [](const ScoreFinding* a, const ScoreFinding* b) {
    return order_of(*a) < order_of(*b);
  });
}

std::vector<TaskMetric> ReportData::task_metrics() const {
  std::set<TaskMetric> found;
  for (const ScoreFinding* score : scores_) found.insert(shown_by(*score));
  std::vector<TaskMetric> all(found.begin(), found.end());
  std::ranges::stable_sort(all, {}, [](const TaskMetric& of) { return task_order(of.task); });
  return all;
}

std::vector<std::string> ReportData::bases() const {
  std::vector<std::string> bases;
  for (const ScoreFinding* score : scores_) keep_first(bases, score->base);
  return bases;
}

const std::string& ReportData::base_of(const std::string& sweep) const {
  static const std::string kUnknown;
  const auto found = std::ranges::find(sweeps_, sweep, &SweepFacts::sweep);
  return found == sweeps_.end() ? kUnknown : found->base;
}

std::set<std::string> ReportData::sweep_bases() const {
  std::set<std::string> bases;
  for (const SweepFacts& sweep : sweeps_) bases.insert(sweep.base);
  return bases;
}

std::vector<std::vector<const LatencyFinding*>> ReportData::latencies_by_sweep() const {
  std::vector<std::vector<const LatencyFinding*>> sweeps;
  for (const LatencyFinding& finding : findings_.latencies) {
    const auto same = [&](const auto& sweep) { return sweep.front()->sweep == finding.sweep; };
    const auto found = std::ranges::find_if(sweeps, same);
    if (found == sweeps.end())
      sweeps.push_back({&finding});
    else
      found->push_back(&finding);
  }
  return sweeps;
}

const ScoreFinding* ReportData::score_of(const std::string& sweep,
                                         const std::string& setting) const {
  for (const ScoreFinding& score : findings_.scores)
    if (score.sweep == sweep && score.setting == setting) return &score;
  return nullptr;
}

std::int64_t ReportData::trained_together(const std::string& role) {
  const std::vector<Row> count = rows(
      "SELECT count(*) FROM timings i JOIN trials t ON t.trial = i.trial AND t.sweep = i.sweep "
      "WHERE t.role = ? AND i.name = ?",
      {role, kTrainedTogether});
  return integer_in(count.at(0).at(0)).value_or(0);
}

std::string machines_of(const std::vector<const LatencyFinding*>& latencies) {
  std::set<std::string> machines;
  for (const LatencyFinding* latency : latencies) machines.insert(latency->machine);
  return fmt::format("{}", fmt::join(machines, "; and "));
}

std::map<std::pair<std::string, std::string>, std::string> trial_sizes(ReportData& data) {
  std::map<std::pair<std::string, std::string>, std::map<std::string, std::string>> values;
  for (const std::string_view size : kSizeKeys)
    for (const Row& row :
         data.rows("SELECT sweep, trial, value FROM config WHERE key = 'settings.' || ?",
                   {std::string(size)}))
      values[{text_in(row[0]), text_in(row[1])}][std::string(size)] = text_in(row[2]);
  std::map<std::pair<std::string, std::string>, std::string> sizes;
  for (const auto& [trial, of_trial] : values) sizes[trial] = shown_size(of_trial);
  return sizes;
}

std::string task_metric_label(const TaskMetric& shown) {
  return task_label(shown.task) + ", " + metric_label(shown.metric);
}

std::string configuration_label(const ScoreFinding& score) {
  return configuration_label(score.method, score.targets, score.rank, told_apart(score));
}

std::string configuration_label(const std::string& method, const std::string& targets,
                                std::optional<std::int64_t> rank, const std::string& apart) {
  std::string label = method_label(method);
  if (!targets.empty()) label += " " + targets;
  if (rank) label += fmt::format(", r = {}", *rank);
  if (!apart.empty()) label += ", " + apart;
  return label;
}

std::string told_apart(const ScoreFinding& score) {
  return score.size + (score.size.empty() || score.others.empty() ? "" : ", ") + score.others;
}

std::string paper_task(const std::string& task) {
  const std::size_t end = task.find('_');
  const std::string stem = task.substr(0, end);
  const bool numbered = end != std::string::npos && end + 1 < task.size() && task[end + 1] >= '0' &&
                        task[end + 1] <= '9';
  return task_label(stem) == stem || !numbered ? task : stem;
}

std::pair<int, std::string> targets_order(const std::string& targets) {
  return {place_in(kTargets, targets), targets};
}

int method_order(const std::string& method) { return place_in(kMethods, method); }
std::pair<int, std::string> task_order(const std::string& task) {
  return {place_in(kTasks, task), natural_key(task)};
}

std::string published_setting(const PublishedNumber& number, const std::string& key) {
  const std::string text = ";" + number.setting + ";", start = ";" + key + "=";
  const std::size_t at = text.find(start);
  if (at == std::string::npos) return {};
  const std::size_t from = at + start.size();
  return text.substr(from, text.find(';', from) - from);
}

std::optional<std::int64_t> published_rank(const PublishedNumber& number) {
  const std::string rank = published_setting(number, "rank");
  return rank.empty() ? std::nullopt : std::optional<std::int64_t>(std::stoll(rank));
}

std::string published_size(const PublishedNumber& number) {
  std::map<std::string, std::string> values;
  for (const std::string_view key : kSizeKeys)
    if (const std::string value = published_setting(number, std::string(key)); !value.empty())
      values[std::string(key)] = value;
  return shown_size(values);
}

std::vector<const PublishedNumber*> published_scores(const std::string& source,
                                                     const TaskMetric& of) {
  const std::string printed_as = of.metric == "logical_form" ? "accuracy" : of.metric;
  std::vector<const PublishedNumber*> found;
  for (const PublishedNumber& number : published_numbers())
    if (number.source == source && number.task == of.task && number.metric == printed_as)
      found.push_back(&number);
  return found;
}

}  // namespace rankscope
