#include "experiments/sweep/sweep_folder.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "common/error.h"
#include "common/files.h"
#include "common/folders.h"
#include "common/text.h"
#include "experiments/content_check.h"

namespace rankscope {

namespace {

namespace fs = std::filesystem;

void describe(const fs::path& file, const char* name, const IdentityKeys& keys) {
  OrderedJson json;
  json[name] = keys;
  const std::string text = json_text(json, 1) + "\n";
  if (!is_there(file) || read_regular_file(file) != text) write_file_atomically(file, text);
}

constexpr const char* kErrorsFile = "errors.json";

void write_errors(const SweepFolder& folder, const Trial& trial,
                  const std::vector<std::string>& errors, bool final) {
  make_trial_folder(folder, trial);
  OrderedJson json = {{"errors", errors}};
  if (final) json["final"] = true;
  write_file_atomically(folder.eval_folder(trial) / kErrorsFile, json_text(json, 1) + "\n");
}

bool has_failed(const SweepFolder& folder, const Trial& trial) {
  const TrialErrors found = read_trial_errors(folder.eval_folder(trial));
  return !found.errors.empty() && (found.errors.size() >= kAttempts || found.final);
}

}  // namespace

fs::path SweepFolder::train_folder(const Trial& trial) const {
  return path_ / "trials" / trial.train_id();
}

bool SweepFolder::is_trained(const Trial& trial) const {
  return trial.trains() && is_there(train_folder(trial) / "done.json");
}

fs::path SweepFolder::eval_folder(const Trial& trial) const {
  return train_folder(trial) / ("eval-" + trial.eval_hash.substr(0, 8));
}

void make_trial_folder(const SweepFolder& folder, const Trial& trial) {
  make_folder(folder.eval_folder(trial), "see who may write there");
}

void describe_trial(const SweepFolder& folder, const Trial& trial) {
  describe(folder.train_folder(trial) / "trial.json", "train", trial.train);
  describe(folder.eval_folder(trial) / "eval.json", "eval", trial.eval);
}

std::string_view state_name(TrialState state) {
  switch (state) {
    case TrialState::kDone:
      return "done";
    case TrialState::kDiverged:
      return "diverged";
    case TrialState::kFailed:
      return "failed";
    case TrialState::kPending:
      break;
  }
  return "pending";
}

bool is_finished(TrialState state) {
  return state == TrialState::kDone || state == TrialState::kDiverged;
}

EvaluationDone read_evaluation_done(const fs::path& eval_folder) {
  const fs::path file = eval_folder / "done.json";
  EvaluationDone done;
  done.json = read_checked_file(file);
  JsonObject object(done.json, printable_path(file));
  const std::string state = object.get_string("state");
  if (state != "done" && state != "diverged")
    object.fail("state", "must be done or diverged, not '" + printable(state) + "'");
  done.diverged = state == "diverged";
  if (done.diverged) return done;
  object.get_object("metrics");
  done.metrics = done.json.at("metrics");
  for (const auto& [name, metric] : done.metrics.items()) {
    JsonObject one(metric, printable_path(file) + ": metric " + printable(name),
                   JsonObject::Nulls::kAbsent);
    one.get_int("count", 0);
    for (const char* key : {"value", "standard_error"})
      if (one.has(key)) one.get_double(key);
    if (!metric.contains("value")) one.fail("value", "is missing");
  }
  return done;
}

TrialResult trial_result(const SweepFolder& folder, const Trial& trial) {
  const fs::path file = folder.eval_folder(trial) / "done.json";
  if (!is_there(file)) {
    return {has_failed(folder, trial) ? TrialState::kFailed : TrialState::kPending, {}};
  }
  EvaluationDone done = read_evaluation_done(file.parent_path());
  if (done.diverged) return {TrialState::kDiverged, {}};
  return {TrialState::kDone, std::move(done.metrics)};
}

TrialState trial_state(const SweepFolder& folder, const Trial& trial) {
  return trial_result(folder, trial).state;
}

std::vector<TrialResult> trial_results(const SweepFolder& folder, const Manifest& manifest) {
  std::vector<TrialResult> results;
  std::map<std::vector<std::string>, std::optional<double>> rates;  // by a search's runs, read once
  for (const Trial& trial : manifest.trials) {
    try {
      results.push_back(trial_result(folder, trial));
    } catch (const PermissionDenied&) {
      throw;
    } catch (const InputError& error) {
      results.emplace_back().damage = error.what();
    } catch (const Json::exception& error) {
      results.emplace_back().damage = error.what();
    }
    if (trial.tuning_trials.empty()) continue;
    const auto [found, is_new] = rates.try_emplace(trial.tuning_trials);
    if (is_new) {
      try {
        found->second = tuned_rate(folder, manifest, trial);
      } catch (const InputError&) {  // every rate diverged: there is none
        found->second.reset();
      }
    }
    results.back().rate = found->second;
  }
  return results;
}

std::map<std::string, IdentityKeys> former_trainings(const SweepFolder& folder,
                                                     const Manifest& manifest) {
  std::set<std::string> named;
  for (const Trial& trial : manifest.trials) named.insert(trial.train_id());
  std::map<std::string, IdentityKeys> out;
  std::error_code ignored;
  for (const fs::directory_entry& entry :
       fs::directory_iterator(folder.path() / "trials", ignored)) {
    const fs::path file = entry.path() / "trial.json";
    if (named.contains(entry.path().filename().string()) || !is_there(file)) continue;
    try {
      out[entry.path().filename().string()] = read_json_file(file).at("train").get<IdentityKeys>();
    } catch (const std::exception&) {  // damaged: `run` mends it, nothing can be compared
      continue;
    }
  }
  return out;
}

TrialErrors read_trial_errors(const fs::path& eval_folder) {
  const fs::path file = eval_folder / kErrorsFile;
  if (!is_there(file)) return {};
  const Json json = read_json_file(file);
  JsonObject object(json, printable_path(file));
  return {object.get_string_array("errors"), object.get_bool_or("final", false)};
}

std::vector<std::string> trial_errors(const SweepFolder& folder, const Trial& trial) {
  return read_trial_errors(folder.eval_folder(trial)).errors;
}

void add_trial_error(const SweepFolder& folder, const Trial& trial, const std::string& error) {
  std::vector<std::string> errors = trial_errors(folder, trial);
  errors.push_back(error);
  write_errors(folder, trial, errors, false);
}

void fail_trial(const SweepFolder& folder, const Trial& trial, const std::string& error) {
  write_errors(folder, trial, {error}, true);
}

void clear_trial_errors(const SweepFolder& folder, const Trial& trial) {
  std::error_code ignored;
  fs::remove(folder.eval_folder(trial) / kErrorsFile, ignored);
}

std::optional<double> tuned_rate(const SweepFolder& folder, const Manifest& manifest,
                                 const Trial& trial) {
  std::optional<double> best_rate;
  double best_loss = 0;
  for (std::size_t i = 0; i < trial.tuning_trials.size(); ++i) {
    const Trial& run = find_trial(manifest, trial.tuning_trials[i]);
    const fs::path eval = folder.eval_folder(run);
    if (!is_there(eval / "done.json")) return {};
    const EvaluationDone done = read_evaluation_done(eval);
    if (done.diverged) continue;
    const auto nll = done.metrics.find("nll");
    if (nll == done.metrics.end())
      throw InputError(printable_path(eval / "done.json") +
                       ": has no 'nll', by which a rate is chosen; run the sweep again");
    const Json& value = nll->at("value");
    if (value.is_null()) continue;  // not finite
    const double loss = value.get<double>();
    const double rate = trial.config.tuning->rates.at(i);
    if (!best_rate || loss < best_loss) {
      best_rate = rate;
      best_loss = loss;
    }
  }
  if (!best_rate)
    throw InputError("every learning rate of the tuning diverged; list lower ones under tuning.lr");
  return best_rate;
}

std::string failed_tuning_run(const SweepFolder& folder, const Manifest& manifest,
                              const Trial& trial) {
  for (const std::string& id : trial.tuning_trials) {
    const Trial& run = find_trial(manifest, id);
    if (trial_state(folder, run) == TrialState::kFailed)
      return "its tuning run " + id + " failed: " + trial_errors(folder, run).back();
  }
  return {};
}

}  // namespace rankscope
