#include "results/record_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "common/hash.h"
#include "common/json.h"
#include "common/text.h"
#include "results/statements.h"

namespace rankscope {

namespace {

std::string insert_sql(const char* table, int columns) {
  std::string sql = fmt::format("INSERT INTO {} VALUES (?", table);
  for (int i = 1; i < columns; ++i) sql += ", ?";
  return sql + ")";
}

std::vector<SQLite::Statement> deletes(SQLite::Database& database, const char* key,
                                       std::initializer_list<const char*> tables) {
  std::vector<SQLite::Statement> statements;
  for (const char* table : tables)
    statements.emplace_back(database, fmt::format("DELETE FROM {} WHERE {} = ?", table, key));
  return statements;
}

std::optional<double> number_of(const std::string& text) {
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest != end) return {};
  return number;
}

std::string outcomes_json(const std::map<std::string, double>& outcomes) {
  Json json = Json::object();
  for (const auto& [metric, outcome] : outcomes) json[metric] = outcome;
  return json_text(json);
}

std::string trial_name(const std::string& trial) { return "trial '" + printable(trial) + "'"; }

}  // namespace

std::string setting_of(const std::map<std::string, std::string>& config) {
  Sha256 hash;
  for (const auto& [key, value] : config) {
    if (key != "seed" && !key.ends_with(".seed") && !key.starts_with("tuned."))
      hash.update_field(key).update_field(value);
  }
  return hash.hex().substr(0, 16);
}

RecordWriter::RecordWriter(SQLite::Database& database)
    : sweep_(database, "INSERT OR REPLACE INTO sweep VALUES (?, ?, ?, ?)"),
      dataset_(database, insert_sql("dataset", 4)),
      example_(database, insert_sql("example", 5)),
      trial_(database, insert_sql("trial", 22)),
      config_(database, insert_sql("config_value", 4)),
      environment_(database, insert_sql("environment_value", 3)),
      timing_(database, insert_sql("timing", 3)),
      curve_(database, insert_sql("curve_point", 8)),
      metric_(database, insert_sql("metric_value", 6)),
      prediction_(database, insert_sql("prediction", 4)),
      find_dataset_(database, "SELECT 1 FROM dataset WHERE dataset = ?"),
      find_trial_(database, "SELECT stamp, sweep, dataset, state FROM trial WHERE trial = ?"),
      all_trials_(database, "SELECT trial, sweep, dataset FROM trial"),
      sweep_used_(database, "SELECT 1 FROM trial WHERE sweep = ? LIMIT 1"),
      dataset_used_(database, "SELECT 1 FROM trial WHERE dataset = ? LIMIT 1"),
      delete_sweep_(database, "DELETE FROM sweep WHERE sweep = ?"),
      delete_dataset_(deletes(database, "dataset", {"dataset", "example"})),
      delete_trial_(deletes(database, "trial",
                            {"trial", "config_value", "environment_value", "timing", "curve_point",
                             "metric_value", "prediction"})) {}

void RecordWriter::put_sweep(const SweepRecord& sweep) {
  execute(sweep_, sweep.sweep, sweep.file_text, sweep.base, sweep.base_hash);
}

void RecordWriter::put_dataset(const DatasetRecord& dataset) {
  remove_dataset(dataset.dataset);
  execute(dataset_, dataset.dataset, dataset.task, dataset.split, dataset.file);
  int64_t position = 0;
  for (const DatasetRecord::Example& example : dataset.examples) {
    const auto twice = [&] {
      return fmt::format("dataset '{}' has the example '{}'", printable(dataset.dataset),
                         printable(example.id));
    };
    insert_once(example_, twice, dataset.dataset, example.id, ++position, example.prompt,
                example.reference);
  }
}

void RecordWriter::put_trial(const TrialRecord& trial) {
  std::string old_sweep = trial.sweep, old_dataset = trial.dataset;
  bind(find_trial_, 1, trial.trial);
  const bool stored = find_trial_.executeStep();
  if (stored) {
    old_sweep = find_trial_.getColumn(1).getString();
    old_dataset = find_trial_.getColumn(2).getString();
  }
  find_trial_.reset();
  if (stored) remove_trial(trial.trial);
  insert_trial(trial);
  insert_values(trial);
  insert_curve(trial);
  insert_metrics(trial);
  insert_predictions(trial);
  if (old_sweep != trial.sweep || old_dataset != trial.dataset)
    remove_unused(old_sweep, old_dataset);
}

void RecordWriter::insert_trial(const TrialRecord& t) {
  execute(trial_, t.trial, t.train_hash, t.eval_hash, t.sweep, t.group, t.state, t.role, t.method,
          t.task, t.targets, t.rank, t.seed, setting_of(t.config), t.trainable_parameters, t.steps,
          t.diverged_at, t.loss, t.last_finite_loss, t.attempts, t.error, t.dataset, t.stamp);
}

void RecordWriter::insert_values(const TrialRecord& t) {
  for (const auto& [key, value] : t.config) execute(config_, t.trial, key, value, number_of(value));
  for (const auto& [key, value] : t.environment) execute(environment_, t.trial, key, value);
  for (const auto& [name, value] : t.timings) execute(timing_, t.trial, name, value);
}

void RecordWriter::insert_curve(const TrialRecord& t) {
  for (const CurvePoint& p : t.curve) {
    const auto twice = [&] {
      return fmt::format("the curve of {} has step {}", trial_name(t.trial), p.step);
    };
    insert_once(curve_, twice, t.trial, p.step, p.loss, p.learning_rate, p.gradient_norm, p.tokens,
                p.target_tokens, p.eval_loss);
  }
}

void RecordWriter::insert_metrics(const TrialRecord& t) {
  for (const MetricValue& m : t.metrics) {
    const auto twice = [&] {
      return fmt::format("{} has the metric '{}'", trial_name(t.trial), printable(m.name));
    };
    insert_once(metric_, twice, t.trial, m.name, m.value, m.standard_error, m.count, m.state);
  }
}

void RecordWriter::insert_predictions(const TrialRecord& t) {
  // In the table's order: each row then goes to the end of the last one's page.
  std::vector<const PredictionRecord*> sorted;
  sorted.reserve(t.predictions.size());
  for (const PredictionRecord& p : t.predictions) sorted.push_back(&p);
  std::ranges::sort(sorted, {},
                    [](const PredictionRecord* p) { return std::string_view(p->example); });
  for (const PredictionRecord* p : sorted) {
    const auto twice = [&] {
      return fmt::format("{} predicts the example '{}'", trial_name(t.trial),
                         printable(p->example));
    };
    insert_once(prediction_, twice, t.trial, p->example, p->prediction, outcomes_json(p->outcomes));
  }
}

void RecordWriter::remove_trial(const std::string& trial) {
  for (SQLite::Statement& statement : delete_trial_) execute(statement, trial);
}

void RecordWriter::remove_dataset(const std::string& dataset) {
  for (SQLite::Statement& statement : delete_dataset_) execute(statement, dataset);
}

void RecordWriter::remove_unused(const std::string& sweep, const std::string& dataset) {
  if (!has_row(sweep_used_, sweep)) execute(delete_sweep_, sweep);
  if (!has_row(dataset_used_, dataset)) remove_dataset(dataset);
}

std::size_t RecordWriter::remove_trials_not_in(const std::set<std::string>& trials) {
  struct Stored {
    std::string trial, sweep, dataset;
  };
  std::vector<Stored> gone;
  while (all_trials_.executeStep()) {
    std::string trial = all_trials_.getColumn(0).getString();
    if (trials.contains(trial)) continue;
    gone.push_back({std::move(trial), all_trials_.getColumn(1).getString(),
                    all_trials_.getColumn(2).getString()});
  }
  all_trials_.reset();
  for (const Stored& stored : gone) remove_trial(stored.trial);
  std::set<std::pair<std::string, std::string>> named;
  for (const Stored& stored : gone) named.emplace(stored.sweep, stored.dataset);
  for (const auto& [sweep, dataset] : named) remove_unused(sweep, dataset);
  return gone.size();
}

bool RecordWriter::has_dataset(const std::string& dataset) {
  return has_row(find_dataset_, dataset);
}

bool RecordWriter::has_trial(const std::string& trial) { return has_row(find_trial_, trial); }

std::string RecordWriter::trial_stamp(const std::string& trial) { return text_of(trial, 0); }

std::string RecordWriter::trial_state(const std::string& trial) { return text_of(trial, 3); }

std::string RecordWriter::text_of(const std::string& trial, int column) {
  std::string text;
  bind(find_trial_, 1, trial);
  if (find_trial_.executeStep()) text = find_trial_.getColumn(column).getString();
  find_trial_.reset();
  return text;
}

}  // namespace rankscope
