// The folder of a sweep (FORMAT.md): which trials it holds and how far each has come. The folder is
// the truth; nothing else is asked.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/json.h"
#include "experiments/sweep/trial.h"

namespace rankscope {

class SweepFolder {
 public:
  explicit SweepFolder(std::filesystem::path path) : path_(std::move(path)) {}

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path manifest() const { return path_ / "sweep.json"; }
  std::filesystem::path database() const { return path_ / "results.db"; }
  // A finished cell of a latency measurement a line.
  std::filesystem::path latencies() const { return path_ / "latency.jsonl"; }
  std::filesystem::path hashes() const { return path_ / "hashes.json"; }
  // What analysis keeps between runs: W's leading singular triples by the base's hash.
  std::filesystem::path analysis() const { return path_ / "analysis"; }
  // What training leaves; shared by all trials that score this adapter.
  std::filesystem::path train_folder(const Trial& trial) const;
  // Whether that training is finished.
  bool is_trained(const Trial& trial) const;
  // What one evaluation of it leaves.
  std::filesystem::path eval_folder(const Trial& trial) const;

 private:
  std::filesystem::path path_;
};

// Makes both. Errors as make_folder()'s.
void make_trial_folder(const SweepFolder& folder, const Trial& trial);

// What sweep.json holds, as manifest_of() and read_manifest() make it.
struct Manifest {
  std::string name, file_text, base_hash;
  std::vector<std::string> overrides;
  std::filesystem::path base;
  std::optional<AnalysisSettings> analysis;
  std::optional<LatencySettings> latency;
  std::vector<Trial> trials;
  std::map<std::string, std::size_t> places = {};  // of the trials, by their ids
};

Manifest manifest_of(const Sweep& sweep, std::vector<Trial> trials);
void write_manifest(const SweepFolder& folder, const Manifest& manifest);
// InputError where there is none ("is DIR a sweep's folder?") or it is damaged.
Manifest read_manifest(const SweepFolder& folder);
// InputError where the folder is that of a sweep of another name, or on another base, with no
// training in common: its results would leave the database. A sweep that was renamed, or renamed
// and changed, has some.
void refuse_other_sweep(const SweepFolder& folder, const Manifest& manifest);
// read_manifest with only that trial (or those whose ids begin so) and its tuning runs where it is
// there: what a worker needs, in milliseconds where reading a thousand trials takes a tenth of a
// second.
Manifest read_manifest_for(const SweepFolder& folder, const std::string& id);
// The trial of that id, or of the one id that begins so. InputError with the nearest id else.
const Trial& find_trial(const Manifest& manifest, const std::string& id);

// What the trial's folders hold, for people and for `status`: trial.json and eval.json. Written
// where they are missing or damaged.
void describe_trial(const SweepFolder& folder, const Trial& trial);

enum class TrialState { kPending, kDone, kDiverged, kFailed };
std::string_view state_name(TrialState state);
// Whether it has a result: nothing is left to be done.
bool is_finished(TrialState state);

// done.json of an evaluation, checked: it is what was written, and each of `metrics` has a count
// and a value, or null where that is not finite. Throws InputError naming the file and the field.
struct EvaluationDone {
  Json json;
  bool diverged = false;
  Json metrics = Json::object();
};
EvaluationDone read_evaluation_done(const std::filesystem::path& eval_folder);

struct TrialResult {
  TrialState state = TrialState::kPending;
  Json metrics;                     // of a done trial, as its done.json has them
  std::optional<double> rate = {};  // that its tuning chose, once it has
  std::string damage = {};          // why a pending trial's done.json cannot be read
};

// By what the trial's folders hold: failed after the last of the attempts that are allowed.
TrialResult trial_result(const SweepFolder& folder, const Trial& trial);
TrialState trial_state(const SweepFolder& folder, const Trial& trial);
// Of all trials, in their order.
std::vector<TrialResult> trial_results(const SweepFolder& folder, const Manifest& manifest);

// The trainings in the folder that the sweep no longer names, as its file has changed since: their
// identities by their ids.
std::map<std::string, IdentityKeys> former_trainings(const SweepFolder& folder,
                                                     const Manifest& manifest);

inline constexpr int kAttempts = 3;

// What errors.json of an evaluation holds; nothing where there is none. InputError where it cannot
// be read as that.
struct TrialErrors {
  std::vector<std::string> errors;  // of the attempts so far, the latest last
  bool final = false;               // no attempt: its one error is why it was not tried
};
TrialErrors read_trial_errors(const std::filesystem::path& eval_folder);

// Its errors.
std::vector<std::string> trial_errors(const SweepFolder& folder, const Trial& trial);
void add_trial_error(const SweepFolder& folder, const Trial& trial, const std::string& error);
// Makes it failed without further attempts.
void fail_trial(const SweepFolder& folder, const Trial& trial, const std::string& error);
void clear_trial_errors(const SweepFolder& folder, const Trial& trial);

// The rate whose run ended with the lowest held-out loss, the first of equals; a diverged run does
// not count. Nothing while a run is missing. InputError where every run diverged.
std::optional<double> tuned_rate(const SweepFolder& folder, const Manifest& manifest,
                                 const Trial& trial);

// Which run of its tuning failed, and of what: without it no rate can be chosen. Empty: none did.
std::string failed_tuning_run(const SweepFolder& folder, const Manifest& manifest,
                              const Trial& trial);

}  // namespace rankscope
