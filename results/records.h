// What the results database holds, as the code that writes it sees it (results/SCHEMA.md).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace rankscope {

// A step of training. Losses are means per target token, in nats; a value that is not finite counts
// as absent.
struct CurvePoint {
  int64_t step = 0;  // from 1
  std::optional<double> loss;
  double learning_rate = 0;
  std::optional<double> gradient_norm;  // before clipping
  int64_t tokens = 0;
  int64_t target_tokens = 0;
  std::optional<double> eval_loss;
};

// A score of a trial: the mean over `count` examples.
struct MetricValue {
  std::string name;
  std::optional<double> value;
  std::optional<double> standard_error;
  int64_t count = 0;
  // "ok"; "base": the trial diverged and counts as the base's score; "missing: REASON".
  std::string state;
};

struct PredictionRecord {
  std::string example;  // the id of an example in the trial's dataset
  std::string prediction;
  std::map<std::string, double> outcomes;  // by metric
};

// Among a trial's timings: how many were trained in one pass, which their train_... are then of.
inline constexpr const char* kTrainedTogether = "trained_together";

struct TrialRecord {
  std::string trial;       // the key: a short id, also the folder's name below trials/
  std::string train_hash;  // 64 hex digits, as eval_hash
  std::string eval_hash;
  std::string sweep;  // its name
  std::string group;  // the label in the sweep file
  std::string state;  // pending (until it has ended), done, diverged, failed
  std::string role;   // scored, tuning
  std::string method;
  std::string task;
  std::string targets;
  std::optional<int64_t> rank;
  int64_t seed = 0;
  // Every configuration value by its dotted key: "training.lr", "method.rank", "data.train.limit".
  // All but those that setting_of leaves out tell settings apart.
  std::map<std::string, std::string> config;
  // Processor, instruction set, library and program versions, git state, hashes.
  std::map<std::string, std::string> environment;
  std::optional<int64_t> trainable_parameters;
  std::optional<int64_t> steps;
  std::optional<int64_t> diverged_at;  // the step
  std::optional<double> loss;
  std::optional<double> last_finite_loss;
  int64_t attempts = 0;
  std::string error;
  std::string dataset;  // the hash of the dataset that was scored
  // train_seconds, eval_seconds, set_up_seconds, tokens_per_second, peak_memory_mib,
  // kTrainedTogether, ...
  std::map<std::string, double> timings;
  std::vector<CurvePoint> curve;
  std::vector<MetricValue> metrics;
  std::vector<PredictionRecord> predictions;
  std::string stamp;  // any text of the writer's, given back by Store::trial_stamp
};

struct DatasetRecord {
  struct Example {
    std::string id;
    std::string prompt;
    std::string reference;
  };
  std::string dataset;  // the key: a hash of what it holds
  std::string task;
  std::string split;
  std::string file;
  std::vector<Example> examples;
};

struct SweepRecord {
  std::string sweep;      // the key: its name
  std::string file_text;  // below what was given in place of its values, as comments
  std::string base;
  std::string base_hash;
};

}  // namespace rankscope
