// One adapter trained from token files, a task's data or examples in memory: what `rankscope train`
// does.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "common/json.h"
#include "engine/backend/devices.h"
#include "engine/methods/method.h"
#include "engine/training/trainer.h"
#include "experiments/examples.h"
#include "experiments/folder_lock.h"

namespace rankscope {

class FileHashes;
class LoadedBase;

// Examples that are to be read, or that are in memory already and outlive the run.
using ExampleSource = std::variant<DataSource, const LoadedExamples*>;

struct TrainRunOptions {
  std::filesystem::path model;
  ExampleSource data;
  ExampleSource eval_data;    // a source whose data is empty: no held-out loss
  std::filesystem::path out;  // empty: nothing is kept
  std::string method = "lora";
  Settings settings;  // the method's and the training's
  int64_t steps = 0;
  double epochs = 0;              // in place of steps: passes over the examples, the last begun
                                  // step counting whole
  int64_t eval_every = 0;         // steps; 0: never
  bool keep_best = false;         // the adapter is that of the lowest held-out loss, not the last
  int64_t save_every_steps = 0;   // a resume point every so many steps; 0: not by steps
  double save_every_minutes = 5;  // and every so many minutes; 0: not by the clock
  DeviceSettings device;
  LoadedBase* base = nullptr;    // kept for further runs; null: the run's own
  FileHashes* hashes = nullptr;  // those that are known already, or null
  // Set, where it is not null, to the tokens of the longest training example as it is computed,
  // special tokens included: known once the examples are read, even where the training then fails.
  int64_t* longest_example = nullptr;
  FolderLock::Busy busy = FolderLock::Busy::kRefuse;  // where another process holds `out`
  // Whether a run of another device or instruction set, or half done with other libraries, is no
  // other run: where it is finished it counts, half done it starts over, since its bits are not
  // this machine's.
  bool other_machines = false;
};

// What a step adds to what the trainer reports.
struct TrainProgress {
  StepReport step;
  int64_t steps = 0;                // of the whole run
  std::optional<double> eval_loss;  // mean NLL per held-out target token
  double tokens_per_second = 0;     // of this process's steps after the first, which is set-up
  double useful_gflops = 0;
  double seconds_left = 0;
  double peak_memory_mib = 0;  // so far, of the device that computes
};

// A line of curve.jsonl (FORMAT.md): it holds no times.
OrderedJson step_json(const TrainProgress& progress);

struct TrainOutcome {
  int64_t steps = 0;  // made in all, earlier processes included
  int64_t resumed_from = 0;
  bool already_done = false;
  bool diverged = false;
  std::optional<double> last_finite_loss;
  double loss = 0;                       // of the last step
  std::optional<double> last_eval_loss;  // held out, of this process's last measurement
  // With keep_best: whose adapter was kept, and its held-out loss.
  int64_t best_step = 0;
  std::optional<double> best_eval_loss;
  double tokens_per_second = 0;
  double useful_gflops = 0;
  int64_t trainable_parameters = 0;
  double set_up_seconds = 0;   // from the start to the first step
  double peak_memory_mib = 0;  // of the device that computed
};

// Trains, or goes on from the resume point in `out`. `out` gets curve.jsonl (a line a step),
// state.safetensors (the resume point), adapter/ and, last, done.json. Throws Interrupted after
// saving where a stop was requested, InputError where `out` holds another run.
TrainOutcome run_training(const TrainRunOptions& options,
                          const std::function<void(const TrainProgress&)>& on_step);

// Several runs of one model and device at once, which share each pass over the base: each ends with
// the bits that it has alone. Methods must train low-rank updates alone, without base dropout
// (JointTrainer::can_join). A run's rates and memory are those of all together. Throws
// as run_training, for the first run that cannot be set up before any has begun.
std::vector<TrainOutcome> run_joint_training(
    std::span<const TrainRunOptions> runs,
    const std::function<void(size_t run, const TrainProgress&)>& on_step);

}  // namespace rankscope
