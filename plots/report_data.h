// What all tables and figures of a report look at.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "results/findings.h"
#include "results/published.h"
#include "results/query.h"

namespace rankscope {

struct SweepFacts {
  std::string sweep, base, base_hash, file_text;
  std::int64_t trials = 0, done = 0, diverged = 0, failed = 0;
  std::int64_t pending = 0;  // or running: the database does not know
};

// Adapters trained on shuffled targets: no results, but what results are set against. A trial's
// name tells that of it, in every sweep that has it.
inline constexpr std::string_view kControlTrials =
    "SELECT trial FROM config_value WHERE key = 'shuffle_targets' AND value = 'true'";

// What a column or a panel shows: sweeps may ask for one task's scores by different metrics.
struct TaskMetric {
  std::string task, metric;
  auto operator<=>(const TaskMetric&) const = default;
};

class ReportData {
 public:
  ReportData(ResultsReader& results, const Findings& findings);

  std::vector<Row> rows(const std::string& question, const Row& parameters = {}) {
    return results_.rows(question, parameters);
  }
  ResultsReader& results() { return results_; }
  const Findings& findings() const { return findings_; }
  const std::vector<SweepFacts>& sweeps() const { return sweeps_; }

  // The scores that tables and figures are about: of each task's headline metric; no control. A
  // setting that two sweeps have stands there for each. Tasks in the paper's order, then methods in
  // Table 4's, then by targets, parameters and rank. They live as long as the findings.
  const std::vector<const ScoreFinding*>& scores() const { return scores_; }
  // Their tasks in that order, each with every metric that is some score's.
  std::vector<TaskMetric> task_metrics() const;
  // Of the scores, as they name them.
  std::vector<std::string> bases() const;
  // As SweepFacts's.
  const std::string& base_of(const std::string& sweep) const;
  // Of all sweeps, also of those without a score.
  std::set<std::string> sweep_bases() const;
  bool several_bases() const { return sweep_bases().size() > 1; }
  // The latencies of each sweep that has any, in the findings' order.
  std::vector<std::vector<const LatencyFinding*>> latencies_by_sweep() const;
  bool several_sweeps() const { return sweeps_.size() > 1; }
  // Of any metric; null where there is none.
  const ScoreFinding* score_of(const std::string& sweep, const std::string& setting) const;

  // How many trials of a role were trained in one pass with others.
  std::int64_t trained_together(const std::string& role);
  // One of kControlTrials.
  bool is_control(const std::string& trial) const { return controls_.contains(trial); }

 private:
  void read_sweeps();
  void choose_scores();

  ResultsReader& results_;
  const Findings& findings_;
  std::vector<SweepFacts> sweeps_;
  std::vector<const ScoreFinding*> scores_;
  std::set<std::string> controls_, control_settings_;
};

// What these were measured on, each machine once, for a sentence: a machine's name has commas.
std::string machines_of(const std::vector<const LatencyFinding*>& latencies);

// As ScoreFinding::size, of each trial that has one, by sweep and trial.
std::map<std::pair<std::string, std::string>, std::string> trial_sizes(ReportData& data);

inline TaskMetric shown_by(const ScoreFinding& score) { return {score.task, score.metric}; }
// "WikiSQL, logical form".
std::string task_metric_label(const TaskMetric& shown);
// "LoRA Wq+Wv, r = 4"; "full fine-tuning".
std::string configuration_label(const ScoreFinding& score);
std::string configuration_label(const std::string& method, const std::string& targets,
                                std::optional<std::int64_t> rank, const std::string& apart);
// Its size and what else tells it apart: "bottleneck 8, alpha 64".
std::string told_apart(const ScoreFinding& score);
// "mnli" of "mnli_100", but "mnli_hard" of "mnli_hard": a sweep names a task with another number of
// examples so, as two tasks of a file cannot share a name.
std::string paper_task(const std::string& task);
// Wq before Wk before Wv before Wo, fewer matrices before more, others last by name.
std::pair<int, std::string> targets_order(const std::string& targets);
int method_order(const std::string& method);
// The paper's tasks in its order, then others by name, numbers in it by size.
std::pair<int, std::string> task_order(const std::string& task);

// What the paper prints under this key of `setting` ("rank", "targets"); empty where it has none.
std::string published_setting(const PublishedNumber& number, const std::string& key);
std::optional<std::int64_t> published_rank(const PublishedNumber& number);
// As ScoreFinding::size: "prefix 8, infix 4".
std::string published_size(const PublishedNumber& number);
// The rows of one table of the paper, and of these the ones of a task by one metric: Tables 4 to 6,
// 15 and 16 call WikiSQL's logical form and MNLI's accuracy "accuracy".
std::vector<const PublishedNumber*> published_scores(const std::string& source,
                                                     const TaskMetric& of);

}  // namespace rankscope
