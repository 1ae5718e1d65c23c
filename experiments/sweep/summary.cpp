#include "experiments/sweep/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "common/text.h"
#include "datasets/task.h"

namespace rankscope {

namespace {

struct SummaryRow {
  std::string task, method, targets, rank, lr;
  IdentityKeys setting;  // all that names it but the seed
  std::string others;    // what else tells it from other rows of its task and method
  std::string metric;
  std::vector<double> scores;
  std::set<double> rates;  // that tuning chose
  int diverged = 0, failed = 0, pending = 0;
};

using SummaryLine = std::vector<std::string>;

IdentityKeys setting_of(const Trial& trial) {
  IdentityKeys keys = trial.train;
  for (const auto& [key, value] : trial.eval) keys.emplace(key, value);
  std::erase_if(keys, [](const auto& entry) {
    return entry.first == "seed" || entry.first == "train" || entry.first.starts_with("tuning.");
  });
  keys.merge(given_seeds(trial.config));
  return keys;
}

// The keys in which rows of a task and method differ, beside those that have a column.
class Differences {
 public:
  explicit Differences(const std::vector<SummaryRow>& rows) {
    for (const SummaryRow& row : rows) {
      Family& family = families_[{row.task, row.method}];
      ++family.rows;
      for (const auto& [key, value] : row.setting) ++family.counts[key][value];
    }
  }

  // "bottleneck 8".
  std::string text_of(const SummaryRow& row) const {
    constexpr std::string_view kSettings = "settings.";
    static constexpr std::array<std::string_view, 4> kColumns{"settings.targets", "settings.rank",
                                                              "settings.ranks", "settings.lr"};
    const Family& family = families_.at({row.task, row.method});
    // Where some rows look at held-out examples and others do not, that says it all.
    const auto every = family.counts.find("eval_every");
    const bool some_hold_out =
        every != family.counts.end() && every->second.begin()->second < family.rows;
    std::string text;
    for (const auto& [key, value] : row.setting) {
      if (std::ranges::find(kColumns, key) != kColumns.end() ||
          family.counts.at(key).at(value) == family.rows)
        continue;
      if (some_hold_out && key.starts_with("held_out.")) continue;
      const std::string name = key.starts_with(kSettings) ? key.substr(kSettings.size()) : key;
      text += (text.empty() ? "" : ", ") + printable(name + " " + value, 40);
    }
    return text;
  }

 private:
  struct Family {
    int rows = 0;
    std::map<std::string, std::map<std::string, int>> counts;  // rows with a key and value
  };
  std::map<std::pair<std::string, std::string>, Family> families_;
};

// "8", by site "Wq:3,Wv:5", and with that of the other targets "8,Wq:3".
std::string rank_text(const Trial& trial) {
  const std::string rank = trial.setting("rank"), ranks = trial.setting("ranks");
  return rank + (rank.empty() || ranks.empty() ? "" : ",") + ranks;
}

// A task's first metric that the trial has: accuracy for an own task whose entries have choices.
std::optional<double> first_score(const Trial& trial, const Json& metrics, std::string& metric) {
  const ScoreSettings& score = trial.config.task.score;
  std::vector<std::string_view> names;
  if (!score.metric.empty()) names.push_back(score.metric);
  std::ranges::copy(find_task(score.data.task).metrics, std::back_inserter(names));
  for (const std::string_view name : names) {
    const auto found = metrics.find(std::string(name));
    if (found == metrics.end() || !found->at("value").is_number()) continue;
    metric = name;
    return found->at("value").get<double>();
  }
  return {};
}

std::string mean_text(const SummaryRow& row) {
  if (row.scores.empty()) return "-";
  double mean = 0;
  for (const double score : row.scores) mean += score;
  const auto count = static_cast<double>(row.scores.size());
  mean /= count;
  if (row.scores.size() < 2) return fmt::format("{:.1f}", 100 * mean);
  double squares = 0;
  for (const double score : row.scores) squares += (score - mean) * (score - mean);
  return fmt::format("{:.1f} ± {:.1f}", 100 * mean, 100 * std::sqrt(squares / (count - 1)));
}

std::string remarks(const SummaryRow& row) {
  std::string text;
  if (row.diverged > 0) text += fmt::format(" {} diverged", row.diverged);
  if (row.failed > 0) text += fmt::format(" {} failed", row.failed);
  if (row.pending > 0) text += fmt::format(" {} to do", row.pending);
  return text;
}

std::size_t columns_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string aligned(const std::vector<SummaryLine>& rows) {
  std::vector<std::size_t> widths;
  for (const SummaryLine& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], columns_of(row[i]));
  }
  std::string text;
  for (const SummaryLine& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i)
      line += row[i] + std::string(widths[i] - columns_of(row[i]) + 2, ' ');
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace

std::string summary_table(const Manifest& manifest, const std::vector<TrialResult>& results) {
  std::vector<SummaryRow> rows;
  std::map<std::pair<std::string, IdentityKeys>, std::size_t>
      places;  // in rows, by task and setting
  const auto base_of = [&](const Trial& trial) -> std::optional<std::size_t> {
    for (std::size_t i = 0; i < manifest.trials.size(); ++i)
      if (results[i].state == TrialState::kDone && is_base_of(manifest.trials[i], trial)) return i;
    return {};
  };
  // What a diverged trial counts as.
  const auto base_score = [&](const Trial& trial, std::string& metric) -> std::optional<double> {
    const std::optional<std::size_t> base = base_of(trial);
    if (!base) return {};
    return first_score(trial, results[*base].metrics, metric);
  };
  for (std::size_t i = 0; i < manifest.trials.size(); ++i) {
    const Trial& trial = manifest.trials[i];
    if (trial.is_tuning()) continue;
    const IdentityKeys setting = setting_of(trial);
    const auto [found, is_new] = places.try_emplace({trial.config.task.name, setting}, rows.size());
    if (is_new) {
      SummaryRow made;
      made.task = trial.config.task.name;
      made.method = trial.config.method;
      made.targets = trial.setting("targets");
      made.rank = rank_text(trial);
      made.lr = trial.config.tuning ? "tuned" : trial.setting("lr");
      made.setting = setting;
      rows.push_back(std::move(made));
    }
    SummaryRow& row = rows[found->second];
    if (results[i].rate) row.rates.insert(*results[i].rate);
    switch (results[i].state) {
      case TrialState::kDone:
        if (const auto score = first_score(trial, results[i].metrics, row.metric))
          row.scores.push_back(*score);
        break;
      case TrialState::kDiverged:
        ++row.diverged;
        if (const auto score = base_score(trial, row.metric)) row.scores.push_back(*score);
        break;
      case TrialState::kFailed:
        ++row.failed;
        break;
      case TrialState::kPending:
        ++row.pending;
    }
  }
  std::vector<std::string> tasks;  // in the order of the file
  for (const SummaryRow& row : rows)
    if (std::ranges::find(tasks, row.task) == tasks.end()) tasks.push_back(row.task);
  // Tasks that are scored on the same data have one trial of the base, which names the first of
  // them.
  std::set<std::string> with_base;
  for (const SummaryRow& row : rows)
    if (row.method == "none") with_base.insert(row.task);
  for (const Trial& trial : manifest.trials) {
    const std::string& task = trial.config.task.name;
    if (trial.is_tuning() || with_base.contains(task)) continue;
    const std::optional<std::size_t> base = base_of(trial);
    if (!base) continue;
    with_base.insert(task);
    SummaryRow made;
    made.task = task;
    made.method = "none";
    made.setting = setting_of(manifest.trials[*base]);
    if (const auto score = first_score(trial, results[*base].metrics, made.metric))
      made.scores.push_back(*score);
    rows.insert(rows.begin(), std::move(made));
  }
  for (SummaryRow& row : rows)
    if (!row.rates.empty()) row.lr += fmt::format(" {:g}", fmt::join(row.rates, ", "));
  const Differences differences(rows);
  for (SummaryRow& row : rows) row.others = differences.text_of(row);
  const bool has_others =
      std::ranges::any_of(rows, [](const SummaryRow& row) { return !row.others.empty(); });
  // Task by task.
  std::ranges::stable_sort(rows, {}, [&](const SummaryRow& row) {
    return std::ranges::find(tasks, row.task) - tasks.begin();
  });
  std::vector<SummaryLine> table = {
      {"task", "method", "targets", "rank", "lr", "n", "metric", "score, %"}};
  for (const SummaryRow& row : rows)
    table.push_back({row.task, row.method, row.targets, row.rank, row.lr,
                     std::to_string(row.scores.size()), row.metric, mean_text(row) + remarks(row)});
  if (has_others) {
    constexpr std::ptrdiff_t kBehindRank = 4;
    table[0].insert(table[0].begin() + kBehindRank, "settings");
    for (std::size_t i = 0; i < rows.size(); ++i)
      table[i + 1].insert(table[i + 1].begin() + kBehindRank, rows[i].others);
  }
  return aligned(table);
}

}  // namespace rankscope
