#include "experiments/sweep/collect.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "common/appended_lines.h"
#include "common/error.h"
#include "common/files.h"
#include "common/folders.h"
#include "common/hash.h"
#include "common/interrupt.h"
#include "common/log.h"
#include "common/text.h"
#include "engine/methods/method.h"
#include "engine/models/config.h"
#include "experiments/analysis/sweep_analysis.h"
#include "experiments/content_check.h"
#include "experiments/environment.h"
#include "experiments/latency/latency_cells.h"
#include "experiments/sweep/file_stamp.h"
#include "experiments/sweep/other_data.h"
#include "experiments/sweep/scored_dataset.h"
#include "experiments/sweep/scoring.h"
#include "experiments/sweep/timings.h"
#include "experiments/sweep/trial_files.h"

namespace rankscope {

namespace {

namespace fs = std::filesystem;

Store open_store(const fs::path& file) {
  try {
    Store store = Store::open(file);
    store.verify();
    return store;
  } catch (const DamagedDatabase& damage) {
    log::warning("{}; put aside as {} and made anew from the trials' folders", damage.what(),
                 put_aside(file));
    for (const char* end : {"-wal", "-shm"}) {
      std::error_code ignored;
      fs::remove(file.string() + end, ignored);
    }
    return Store::open(file);
  }
}

// Raised when the same folders yield other rows than before, so that all are read again.
constexpr int kCollectorVersion = 8;

// In the configuration of a trial whose rate was searched for.
constexpr const char* kTunedRate = "tuned.lr";

// Of the weights that training leaves.
std::uint64_t checkpoint_bytes(const fs::path& folder) {
  std::uint64_t bytes = 0;
  try {
    for (const fs::directory_entry& file : fs::directory_iterator(folder))
      if (file.path().extension() == ".safetensors") bytes += file.file_size();
  } catch (const fs::filesystem_error& error) {
    throw InputError("cannot measure the checkpoint in '" + printable_path(folder) +
                     "': " + error.code().message());
  }
  return bytes;
}

std::optional<double> number_at(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number()) return {};
  return found->get<double>();
}

std::optional<std::int64_t> count_read(const Json& done, const char* name) {
  const Json::json_pointer place(std::string("/read/data/") + name);
  if (!done.contains(place) || !done[place].is_number_unsigned()) return {};
  return done[place].get<std::int64_t>();
}

// What the data came to (account_of): its examples are those that the file has within the trial's
// limit, which may ask for more than there are. `use`: "train" or "scored". Of what an older
// program did not count nothing is said.
void add_account(const Json& done, const std::string& use,
                 std::map<std::string, std::string>& environment) {
  const std::optional<std::int64_t> kept = count_read(done, "examples"),
                                    left_out = count_read(done, "left_out");
  if (kept && left_out) environment[use + "_examples"] = std::to_string(*kept + *left_out);
  for (const char* name : {"prompts_cut", "tokens_cut", "left_out"})
    if (const std::optional<std::int64_t> count = count_read(done, name))
      environment[fmt::format("{}_{}", use, name)] = std::to_string(*count);
}

bool has_tuned_rate(const Trial& trial, const TrialRecord& record) {
  return !trial.tuning_trials.empty() && (record.state == "done" || record.state == "diverged");
}

// By a training's done.json.
std::optional<double> trained_rate(JsonObject& done) {
  const std::string text = done.get_object("identity").get_string_or("training.lr", "");
  double rate = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, rate);
  if (error != std::errc() || rest != end) return {};
  return rate;
}

// The file, below what was given in place of its values as comments.
std::string text_that_was_run(const Manifest& manifest) {
  std::string text;
  for (const std::string& given : manifest.overrides)
    text += "# " + printable(given, given.size()) + "\n";
  if (text.empty()) return manifest.file_text;
  return "# Given on the command line, in place of what the file below says:\n" + text + "\n" +
         manifest.file_text;
}

// Each text of the folder's environment.json under its key, with `prefix` before it.
void add_environment(const fs::path& folder, const std::string& prefix,
                     std::map<std::string, std::string>& environment) {
  if (!is_there(folder / kEnvironmentFile)) return;
  const Json json = read_environment(folder);
  for (const auto& [key, value] : json.items())
    if (value.is_string()) environment[prefix + key] = value.get<std::string>();
}

// What trained, which need not be what scored the adapter. Of an older program done.json has the
// device alone.
void add_training_environment(const fs::path& folder, const Json& done,
                              std::map<std::string, std::string>& environment) {
  add_environment(folder, "train_", environment);
  for (const std::string key : {"backend", "instruction_set"}) {
    const Json::json_pointer place("/identity/" + key);
    if (done.contains(place) && done[place].is_string())
      environment["train_" + key] = done[place].get<std::string>();
  }
}

}  // namespace

Collector::Collector(const SweepFolder& folder, const Manifest& manifest, const fs::path& database)
    : folder_(folder),
      manifest_(manifest),
      hashes_(folder.hashes()),
      store_(open_store(database)),
      finished_(folder, manifest) {}

std::vector<std::string> Collector::collect_all() {
  std::vector<std::string> problems;
  std::set<std::string> ids;
  stored_ = 0;
  refused_.clear();
  for (const Trial& trial : manifest_.trials) {
    throw_if_stop_requested();
    ids.insert(trial.id());
    try {
      const std::string problem = collect(trial);
      ++stored_;
      if (!problem.empty()) problems.push_back(fmt::format("trial {}: {}", trial.id(), problem));
    } catch (const MachineError&) {
      throw;
    } catch (const DamagedDatabase&) {
      throw;
    } catch (const AlteredFile& error) {
      problems.push_back(fmt::format("trial {}: {}; `run` mends it", trial.id(), error.what()));
      put_unread(trial);
    } catch (const Error& error) {
      problems.push_back(fmt::format("trial {}: {}", trial.id(), error.what()));
      put_unread(trial);
    } catch (const Json::exception& error) {
      problems.push_back(fmt::format("trial {}: {}: a file is not as it was written: {}",
                                     trial.id(), printable_path(folder_.eval_folder(trial)),
                                     error.what()));
      put_unread(trial);
    }
  }
  if (const std::size_t removed = store_.remove_trials_not_in(ids); removed > 0)
    log::info("{} that the sweep no longer has left the database; their folders stay",
              removed == 1 ? "a trial" : fmt::format("{} trials", removed));
  // Behind the removal: a sweep goes with its last trial, and one that times passes has none.
  store_.put_sweep(
      {manifest_.name, text_that_was_run(manifest_), manifest_.base.string(), manifest_.base_hash});
  FinishedLatencies latencies = finished_latencies(folder_, manifest_);
  store_.put_latencies(latencies.cells);
  problems.insert(problems.end(), latencies.problems.begin(), latencies.problems.end());
  return problems;
}

std::string Collector::collect(const Trial& trial) {
  const fs::path train = folder_.train_folder(trial), eval = folder_.eval_folder(trial);
  std::string stamp = fmt::format("{} {} {} {}", kCollectorVersion, manifest_.name,
                                  trial.config.group, trial.config.task.name);
  for (const auto& [key, seed] : given_seeds(trial.config))
    stamp += fmt::format(" {}={}", key, seed);
  for (const fs::path& file : {train / "done.json", train / "timings.json", eval / "done.json",
                               eval / "timings.json", eval / "errors.json"})
    stamp += " " + file_stamp(file);
  // The rate that was chosen is stored with the trial.
  for (const std::string& run : trial.tuning_trials)
    stamp += " " + file_stamp(folder_.eval_folder(find_trial(manifest_, run)) / "done.json");
  // A diverged trial counts as the base, whose scores may change.
  const TrialState state = trial_state(folder_, trial);
  if (state != TrialState::kDiverged && store_.trial_stamp(trial.id()) == stamp) return {};
  std::string problem;
  TrialRecord record;
  try {
    record = record_of(trial);
    problem = add_tuned_rate(trial, record);
    if (state == TrialState::kDone && !trial.is_tuning())
      if (const std::string missing = put_dataset(trial); !missing.empty())
        problem += (problem.empty() ? "" : "; ") + missing;
  } catch (const OtherData& refused) {
    problem = refused.what();
    record = pending_record(trial);
    record.state = state_name(TrialState::kFailed);
    record.error = problem;
    refused_.insert(trial.id());
  }
  // Without one it is collected again, when the data may be back, and what is wrong is said again.
  if (problem.empty()) record.stamp = stamp;
  store_.put_trial(record);
  return problem;
}

// Without a row it would be missing from no mean.
void Collector::put_unread(const Trial& trial) {
  if (!store_.has_trial(trial.id())) store_.put_trial(pending_record(trial));
}

AnalysisSummary Collector::analyse(AnalysisScope scope) {
  AnalysisSummary summary = analyse_sweep(folder_, manifest_, store_, scope, finished_);
  if (summary.adapters + summary.pairs > 0)
    log::debug("analysed {} adapters and {} pairs", summary.adapters, summary.pairs);
  return summary;
}

AnalysisSummary Collector::analyse_end(const Trial& trial) {
  if (!manifest_.analysis) return {};
  AnalysisSummary summary =
      families_ ? analyse_after(trial, *families_, folder_, manifest_, store_, finished_)
                : analyse(AnalysisScope::kAdapters);
  if (summary.closed)
    families_.reset();
  else if (!families_)
    families_.emplace(manifest_, *manifest_.analysis);
  return summary;
}

std::string Collector::put_dataset(const Trial& trial) {
  if (store_.has_dataset(dataset_key(trial))) return {};
  DatasetRecord dataset;
  try {
    // Prompts and references are those that were scored, or none.
    if (!score_data_is(trial, hashes_))
      throw InputError("'" + printable_path(trial.config.task.score.data.data) +
                       "' has changed since it was scored; restore it, or run the sweep again");
    dataset = scored_dataset(trial);
  } catch (const InputError& error) {
    return std::string(error.what()) +
           "; its scores are stored without the examples' prompts and references";
  }
  store_.put_dataset(dataset);
  return {};
}

TrialRecord Collector::pending_record(const Trial& trial) const {
  const TrialConfig& config = trial.config;
  TrialRecord record;
  record.trial = trial.id();
  record.train_hash = trial.train_hash;
  record.eval_hash = trial.eval_hash;
  record.sweep = manifest_.name;
  record.group = config.group;
  record.state = state_name(TrialState::kPending);
  record.role = config.role;
  record.method = config.method;
  record.task = config.task.name;
  record.targets = trial.setting("targets");
  // Ranks by site leave it without a rank of the whole.
  if (const std::string rank = trial.setting("rank");
      !rank.empty() && trial.setting("ranks").empty())
    record.rank = std::stoll(rank);
  record.seed = static_cast<int64_t>(config.seed);
  for (const auto& [key, value] : trial.train)
    if (key != "model" && key != "tokenizer" && key != "numeric_version")
      record.config[key] = value;
  for (const auto& [key, value] : trial.eval)
    if (key != "train" && key != "numeric_version") record.config[key] = value;
  record.config.merge(given_seeds(config));
  // As tuned.lr an outcome of the tuning, not of the file: `setting` leaves them out.
  if (!trial.tuning_trials.empty())
    record.config["tuned.runs"] = fmt::format("{}", fmt::join(trial.tuning_trials, " "));
  record.environment = {{"numeric_version", trial.train.at("numeric_version")},
                        {"model_hash", trial.train.at("model")},
                        {"tokenizer_hash", trial.train.at("tokenizer")}};
  return record;
}

TrialRecord Collector::record_of(const Trial& trial) const {
  TrialRecord record = pending_record(trial);
  record.state = state_name(trial_state(folder_, trial));
  const TrialErrors failures = read_trial_errors(folder_.eval_folder(trial));
  if (!failures.final) record.attempts = static_cast<int64_t>(failures.errors.size());
  if (!failures.errors.empty()) record.error = failures.errors.back();
  add_training(trial, record);
  add_evaluation(trial, record);
  return record;
}

std::string Collector::add_tuned_rate(const Trial& trial, TrialRecord& record) const {
  if (!has_tuned_rate(trial, record)) return {};
  const std::optional<double> chosen = tuned_rate(folder_, manifest_, trial);
  if (!chosen) return {};
  // What trained said already where its record has a rate.
  const auto [trained, is_new] = record.config.emplace(kTunedRate, fmt::format("{}", *chosen));
  if (is_new || trained->second == fmt::format("{}", *chosen)) return {};
  return fmt::format(
      "was trained at the learning rate {}, which is stored, but its tuning runs choose {} now, as "
      "where one of them was lost and made again on another device; to train it at that rate, "
      "remove '{}' and run the sweep again",
      trained->second, *chosen, printable_path(folder_.train_folder(trial)));
}

void Collector::add_training(const Trial& trial, TrialRecord& record) const {
  const fs::path folder = folder_.train_folder(trial);
  const Timings timings(folder);
  for (const auto& [name, value] : timings.values()) record.timings[name] = value;
  add_environment(folder_.eval_folder(trial), "", record.environment);
  if (!folder_.is_trained(trial)) return;
  if (is_there(folder / "adapter"))  // what diverged has none
    record.timings["checkpoint_bytes"] = static_cast<double>(checkpoint_bytes(folder / "adapter"));
  const Json done = read_checked_file(folder / "done.json");
  JsonObject object(done, printable_path(folder / "done.json"));
  record.steps = object.get_int("steps");
  record.trainable_parameters = object.get_int("trainable_parameters");
  record.loss = number_at(done, "loss");
  record.last_finite_loss = number_at(done, "last_finite_loss");
  if (object.get_string("state") == "diverged") record.diverged_at = *record.steps + 1;
  if (has_tuned_rate(trial, record))
    if (const auto rate = trained_rate(object))
      record.config[kTunedRate] = fmt::format("{}", *rate);
  add_account(done, "train", record.environment);
  add_training_environment(folder, done, record.environment);
  refuse_other_data(done, trial.train.at("train.file"), folder);
  record.curve = read_curve(folder, done);
}

void Collector::add_evaluation(const Trial& trial, TrialRecord& record) const {
  const fs::path folder = folder_.eval_folder(trial);
  const Timings timings(folder);
  for (const auto& [name, value] : timings.values()) record.timings[name] = value;
  if (record.state == "diverged") return add_base_scores(trial, record);
  if (record.state != "done") return;
  const EvaluationDone done = read_evaluation_done(folder);
  refuse_other_data(done.json, trial.eval.at("score.file"), folder);
  for (const auto& [name, metric] : done.metrics.items()) {
    MetricValue value{name, number_at(metric, "value"), number_at(metric, "standard_error"),
                      metric.at("count").get<int64_t>(), "ok"};
    if (!value.value) value.state = "missing: not finite";
    record.metrics.push_back(std::move(value));
  }
  if (trial.is_tuning()) return;
  if (const auto version = done.json.find("metrics_version");
      version != done.json.end() && version->is_number_integer())
    record.environment["metrics_version"] = std::to_string(version->get<std::int64_t>());
  add_account(done.json, "scored", record.environment);
  record.dataset = dataset_key(trial);
  record.predictions = read_predictions(folder, done.json);
}

// A diverged trial counts as the base's score on the same data, decoded the same way, marked.
void Collector::add_base_scores(const Trial& trial, TrialRecord& record) const {
  if (trial.is_tuning()) return;
  const auto base = std::ranges::find_if(
      manifest_.trials, [&](const Trial& other) { return is_base_of(other, trial); });
  const auto not_scored = [&] {
    record.metrics.push_back({"score", {}, {}, 0, "missing: diverged, and the base is not scored"});
  };
  if (base == manifest_.trials.end() || trial_state(folder_, *base) != TrialState::kDone)
    return not_scored();
  const fs::path folder = folder_.eval_folder(*base);
  const EvaluationDone done = read_evaluation_done(folder);
  try {
    refuse_other_data(done.json, base->eval.at("score.file"), folder);
  } catch (const OtherData&) {  // the base's own line says so
    return not_scored();
  }
  for (const auto& [name, metric] : done.metrics.items())
    record.metrics.push_back({name, number_at(metric, "value"), number_at(metric, "standard_error"),
                              metric.at("count").get<int64_t>(), "base"});
}

}  // namespace rankscope
