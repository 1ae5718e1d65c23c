// A sweep file's tree with every key known and every structure in its place: what is expanded.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "experiments/sweep/sweep_file.h"
#include "experiments/yaml/yaml_value.h"

namespace rankscope {

struct TaskPlan {
  explicit TaskPlan(const YamlValue& task)
      : place(task), train_place(task), score_place(task), tune_place(task) {}

  YamlValue place;
  TaskConfig config;  // held_out: where tuning and held-out losses take their examples
  // The keys that give the sources, for messages about them.
  YamlValue train_place, score_place, tune_place;
  // Held-out examples would begin behind the training set's last, and it has none: limit is 0.
  bool no_tail = false;
};

// A key of grid: or zip: with its values.
struct Axis {
  std::string key;
  YamlValue place;
  std::vector<YamlValue> values;
};

struct GroupPlan {
  explicit GroupPlan(const YamlValue& group) : place(group) {}

  YamlValue place;
  std::string name;
  std::vector<std::string> tasks;
  std::vector<std::uint64_t> seeds;
  bool optional = false;  // what the base cannot have is left out
  std::map<std::string, YamlValue> values;  // neither in grid nor in zip
  std::vector<Axis> grid, zip;
};

struct TuningPlan {
  explicit TuningPlan(const YamlValue& tuning) : place(tuning) {}

  YamlValue place;
  std::vector<double> rates;
  std::int64_t steps = 0;
  std::uint64_t seed = 0;
  bool per_trial = false;
};

struct SweepPlan {
  explicit SweepPlan(const YamlValue& base_folder) : base_place(base_folder) {}

  std::string name;
  std::filesystem::path base;
  YamlValue base_place;
  std::vector<TaskPlan> tasks;
  std::map<std::string, YamlValue> training;
  std::vector<GroupPlan> groups;
  std::optional<TuningPlan> tuning;
  std::optional<AnalysisSettings> analysis;
  std::optional<YamlValue> latency;  // in place of tasks and groups; read with the base's shape
  bool report = false;
  std::string precision{kDefaultPrecision};
  std::string device;   // empty: not given
  int pack_trials = 1;  // 0: auto
};

// Throws InputError with the place of what is wrong. `root` must outlive the plan; `file` is
// absolute.
SweepPlan read_plan(const YamlNode& root, const std::filesystem::path& file);

}  // namespace rankscope
