// A sweep file as trials: the language that SWEEP_FILE.md describes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/decoding/search.h"
#include "engine/models/config.h"
#include "experiments/latency/latency_settings.h"
#include "experiments/sweep/analysis_settings.h"
#include "experiments/task_examples.h"

namespace rankscope {

// It names no trial, so that those from before there was a choice keep their names.
inline constexpr std::string_view kDefaultPrecision = "fp32";

// What is scored and how its predictions are made.
struct ScoreSettings {
  DataSource data;
  DecodingSettings decoding;  // without end_ids: they follow from the base and data.end_token
  bool merged = true;         // the adapter is merged into the base's weights first
  std::string metric;      // that summaries, claims and reports judge by; empty: the task's first
  bool free_text = false;  // text is generated where the task has choices, too
};

struct TaskConfig {
  std::string name;  // its key in the file; the task itself is train.task
  DataSource train;  // for method none: without data
  ScoreSettings score;
  // Held-out examples for the loss during training; without data where eval_every is 0.
  DataSource held_out;
};

// One configuration. Paths are absolute.
struct TrialConfig {
  std::string group;            // where it stands in the file: no part of what names it
  std::string role = "scored";  // or "tuning"
  std::string method;           // a name of method_names()
  // Every key of the method and of the training, defaults included, as `train --set` takes them and
  // in canonical text, so that equal configurations are equal maps. Not in it: steps, the seeds,
  // and lr where it is tuned. Empty for method none.
  std::map<std::string, std::string> settings;
  uint64_t seed = 0;                             // at most INT64_MAX, as are the other two
  std::optional<uint64_t> init_seed, data_seed;  // in place of seed
  uint64_t seed_of_start() const { return init_seed.value_or(seed); }
  uint64_t seed_of_data() const { return data_seed.value_or(seed); }
  // Exactly one is above 0; for method none both are 0.
  int64_t steps = 0;             // optimizer steps
  double epochs = 0;             // passes over the training examples
  int64_t eval_every = 0;        // steps from one held-out loss to the next; 0: none is measured
  std::string keep = "last";     // what is scored: the last step, or the "best" held-out loss
  bool shuffle_targets = false;  // trained on targets that belong to other examples: a control
  std::string precision{kDefaultPrecision};  // or "bf16", of training and predictions, on a GPU
  TaskConfig task;

  // How lr is found where the file says `lr: tuned`: the rule, which names the trial, not its
  // outcome. tuning_trials() gives the runs.
  struct Tuning {
    std::vector<double> rates;                    // as listed, each once
    int64_t steps = 0;                            // of each run
    uint64_t seed = 0;                            // never a scored trial's
    std::map<std::string, std::string> settings;  // of the runs, without lr
    DataSource train, score;                      // share no example with what is scored
  };
  std::optional<Tuning> tuning;
};

struct Sweep {
  std::string name;
  std::filesystem::path file, base;    // absolute
  std::string text;                    // the file, byte for byte
  std::vector<std::string> overrides;  // as given
  // In the order of the file (group, combination, task, seed), each configuration once. The
  // untrained base of a task that no group of method none has stands before them, in group "base".
  // Tuning runs are not among them.
  std::vector<TrialConfig> trials;
  std::optional<AnalysisSettings> analysis;  // none: the file asks for none
  std::optional<LatencySettings> latency;    // given: there are no trials
  bool report = false;                       // `run` ends with one
  std::string precision{kDefaultPrecision};  // of every trial
  std::string device;                        // where trials compute; empty: the file does not say
  int pack_trials = 1;                       // trained together by one worker, at most; 0: auto
  // For people, a line each: what a rank budget missed, what was merged, what looks wrong.
  std::vector<std::string> notes;
};

// The shape of the base in a folder: read_model_shape, or a test's own.
using ShapeOf = std::function<ModelShape(const std::filesystem::path& base)>;

// Reads and checks the whole file: what a method, the trainer or a task would refuse later is
// refused here. `overrides` are KEY=VALUE with dotted keys (tasks.wikisql.data=DIR,
// groups.0.grid.rank=[1,2]); their paths are relative to the current folder, the file's to the
// file. Throws InputError "FILE:LINE: 'KEY': ...", with the nearest known name for an unknown one.
Sweep read_sweep(const std::filesystem::path& file, std::span<const std::string> overrides = {},
                 const ShapeOf& shape_of = read_model_shape);

// The same from the text itself; `file` need not exist: it names the sweep in messages, and its
// folder is where relative paths begin.
Sweep parse_sweep(std::string_view text, const std::filesystem::path& file,
                  std::span<const std::string> overrides = {},
                  const ShapeOf& shape_of = read_model_shape);

// The runs that find the learning rate of a trial whose `tuning` is set, one a rate, in their
// order, with the role "tuning". Trials tuned by the same rule share them.
std::vector<TrialConfig> tuning_trials(const TrialConfig& trial);

}  // namespace rankscope
