// The folder of a training run: its curve, resume point and result (FORMAT.md).
#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string>

#include "common/json.h"
#include "experiments/folder_lock.h"
#include "experiments/train_run.h"

namespace rankscope {

// The adapter's record, by its name in the run's folder and under `files` in done.json: it has the
// hashes of the files with the values, and is itself read for numbers.
inline constexpr const char* kAdapterRecord = "adapter/rankscope.json";
// The files of an adapter that done.json has hashes of, each where there is one. By PEFT's config
// others scale its update, by a model's they compute.
inline constexpr std::array kRecordedAdapterFiles = {kAdapterRecord, "adapter/adapter_config.json",
                                                     "adapter/config.json"};

// The step with the lowest held-out loss so far, the earliest of equal ones.
struct BestStep {
  std::int64_t step = 0;  // 0: none yet
  double loss = 0;

  // Takes the step where its loss is lower than every earlier one.
  bool improved(std::int64_t candidate, double eval_loss);
};

// Without an --out folder nothing is kept, and only keeps() may be asked.
class RunFolder {
 public:
  struct Data {
    const LoadedExamples& trained;
    const LoadedExamples& held_out;  // without a hash where there is none
  };
  // Works out the identity of the run; reads nothing in the folder and makes nothing.
  RunFolder(const TrainRunOptions& options, const Method& method, const TrainSettings& settings,
            const Backend& backend, const Data& data);

  bool keeps() const { return !out_.empty(); }
  bool has_state() const { return has(kState); }
  bool is_done() const { return has(kDone); }
  std::filesystem::path adapter() const { return out_ / kAdapter; }
  // Where the adapter of the best step so far is kept while the run goes on.
  std::filesystem::path best_adapter() const { return out_ / kBest; }
  // Makes it the run's adapter. Once it is, nothing happens.
  void keep_best_adapter();
  // Of the steps in the curve.
  BestStep best_step() const;

  // Makes the folder, takes it for this process alone and tries that it can be written, before
  // hours of work depend on it. Called when everything outside the folder has been checked, so that
  // a refused run leaves no folder behind. Throws InputError where the folder cannot be used.
  void prepare();

  // The result of a finished run. Throws InputError where it is of another run, AlteredFile where
  // it or a JSON file of the adapter is not what the run wrote.
  Json read_done() const;

  // Puts the trainer where the resume point stands. Returns the loss of the last step made; NaN
  // before the first. Throws InputError where the point is damaged or of another run.
  double load(Trainer& trainer);

  void add_to_curve(const TrainProgress& progress);
  void save(Trainer& trainer);
  void finish(const TrainOutcome& outcome);

 private:
  static constexpr const char* kState = "state.safetensors";
  static constexpr const char* kCurve = "curve.jsonl";
  static constexpr const char* kDone = "done.json";
  static constexpr const char* kAdapter = "adapter";
  static constexpr const char* kBest = "best";

  bool has(const char* name) const;
  // What the resume point's identity has under the key.
  std::optional<std::string> saved(const char* key) const;
  // A resume point's, which says with which libraries too; a result counts whatever they are.
  Trainer::Identity state_identity() const;
  void forget_other_machines_state();
  void check_adapter_files(const Json& done) const;

  std::filesystem::path out_;
  FolderLock::Busy busy_;
  bool other_machines_;
  Trainer::Identity identity_;
  std::string libraries_;
  OrderedJson environment_;                       // environment_json
  OrderedJson accounts_ = OrderedJson::object();  // of the data that was read
  std::string curve_;
  std::optional<FolderLock> lock_;
};

}  // namespace rankscope
