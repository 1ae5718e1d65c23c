// Records to rows, by statements that are prepared once. The caller has begun a transaction.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <set>
#include <string>
#include <vector>

#include "results/records.h"

namespace rankscope {

// `database` must outlive the writer. SQLite's exceptions pass through; InputError where a record
// contradicts itself.
class RecordWriter {
 public:
  explicit RecordWriter(SQLite::Database& database);

  void put_sweep(const SweepRecord& sweep);
  void put_dataset(const DatasetRecord& dataset);
  void put_trial(const TrialRecord& trial);
  std::size_t remove_trials_not_in(const std::set<std::string>& trials);
  bool has_dataset(const std::string& dataset);
  bool has_trial(const std::string& trial);
  std::string trial_stamp(const std::string& trial);
  std::string trial_state(const std::string& trial);

 private:
  void insert_trial(const TrialRecord& trial);
  // A column of find_trial_; empty where there is no such trial.
  std::string text_of(const std::string& trial, int column);
  void insert_values(const TrialRecord& trial);
  void insert_curve(const TrialRecord& trial);
  void insert_metrics(const TrialRecord& trial);
  void insert_predictions(const TrialRecord& trial);
  void remove_trial(const std::string& trial);
  void remove_dataset(const std::string& dataset);
  // What no trial names any more goes.
  void remove_unused(const std::string& sweep, const std::string& dataset);

  SQLite::Statement sweep_;
  SQLite::Statement dataset_;
  SQLite::Statement example_;
  SQLite::Statement trial_;
  SQLite::Statement config_;
  SQLite::Statement environment_;
  SQLite::Statement timing_;
  SQLite::Statement curve_;
  SQLite::Statement metric_;
  SQLite::Statement prediction_;
  SQLite::Statement find_dataset_;
  SQLite::Statement find_trial_;
  SQLite::Statement all_trials_;
  SQLite::Statement sweep_used_;
  SQLite::Statement dataset_used_;
  SQLite::Statement delete_sweep_;
  std::vector<SQLite::Statement> delete_dataset_;
  std::vector<SQLite::Statement> delete_trial_;
};

// What trials that differ in their seed alone have in common: 16 hex digits over the configuration
// without the keys whose last word is "seed", and without what tuning found. A start or an order of
// data of its own (init_seed, data_seed) makes another setting.
std::string setting_of(const std::map<std::string, std::string>& config);

}  // namespace rankscope
