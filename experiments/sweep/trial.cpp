#include "experiments/sweep/trial.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "common/hash.h"
#include "datasets/task.h"
#include "engine/training/numeric_version.h"
#include "engine/training/trainer.h"
#include "experiments/sweep/template_text.h"

namespace rankscope {

namespace {

namespace fs = std::filesystem;

std::string number(double value) { return fmt::format("{:.17g}", value); }

// The data's content and how it is read, under "NAME.KEY".
void add_data(const DataSource& source, const std::string& name, FileHashes& hashes,
              IdentityKeys& keys) {
  const fs::path file = file_of(source);
  std::string hash = hashes.file(file);
  if (const auto file_beside = find_task(source.task).file_beside)
    hash += "+" + hashes.file(file_beside(file));
  // A file's name is part of the ids that it gives its examples.
  keys[name + ".file"] = file.stem().string() + ":" + hash;
  keys[name + ".task"] = source.task;
  keys[name + ".skip"] = std::to_string(source.skip);
  keys[name + ".limit"] = std::to_string(source.limit);
  keys[name + ".template"] = template_text(source.template_keys);
  keys[name + ".max_tokens"] = std::to_string(source.max_tokens);
  keys[name + ".end_token"] = source.end_token;
}

void add_precision(const TrialConfig& config, IdentityKeys& keys) {
  if (config.precision != kDefaultPrecision) keys["precision"] = config.precision;
}

IdentityKeys train_keys(const TrialConfig& config, const fs::path& base, FileHashes& hashes) {
  IdentityKeys keys;
  keys["model"] = hashes.model(base);
  keys["tokenizer"] = hashes.tokenizer(base);
  keys["method"] = config.method;
  keys["numeric_version"] = std::to_string(kNumericVersion);
  if (config.method == "none") return keys;
  for (const auto& [key, value] : config.settings) keys["settings." + key] = value;
  add_data(config.task.train, "train", hashes, keys);
  keys["seed"] = std::to_string(config.seed);
  for (const auto& [key, given] : given_seeds(config))
    if (given != keys["seed"]) keys[key] = given;
  if (config.steps > 0) keys["steps"] = std::to_string(config.steps);
  if (config.epochs > 0) keys["epochs"] = number(config.epochs);
  keys["keep"] = config.keep;
  if (config.shuffle_targets) keys["shuffle_targets"] = "true";
  add_precision(config, keys);
  if (config.eval_every > 0) {
    keys["eval_every"] = std::to_string(config.eval_every);
    add_data(config.task.held_out, "held_out", hashes, keys);
  }
  if (config.tuning) {
    const TrialConfig::Tuning& tuning = *config.tuning;
    std::vector<std::string> rates;
    for (const double rate : tuning.rates) rates.push_back(number(rate));
    keys["tuning.rates"] = fmt::format("{}", fmt::join(rates, " "));
    keys["tuning.steps"] = std::to_string(tuning.steps);
    keys["tuning.seed"] = std::to_string(tuning.seed);
    for (const auto& [key, value] : tuning.settings) keys["tuning.settings." + key] = value;
    add_data(tuning.train, "tuning.train", hashes, keys);
    add_data(tuning.score, "tuning.score", hashes, keys);
  }
  return keys;
}

IdentityKeys eval_keys(const TrialConfig& config, const std::string& train_hash,
                       FileHashes& hashes) {
  IdentityKeys keys;
  keys["train"] = train_hash;
  keys["role"] = config.role;
  keys["numeric_version"] = std::to_string(kNumericVersion);
  add_data(config.task.score.data, "score", hashes, keys);
  add_precision(config, keys);
  if (config.role == "tuning") return keys;  // scored by its likelihood: nothing is decoded
  const DecodingSettings& decoding = config.task.score.decoding;
  keys["decoding.max_new"] = std::to_string(decoding.max_new);
  keys["decoding.min_new"] = std::to_string(decoding.min_new);
  keys["decoding.beams"] = std::to_string(decoding.beams);
  keys["decoding.length_penalty"] = number(decoding.length_penalty);
  keys["decoding.no_repeat_ngram"] = std::to_string(decoding.no_repeat_ngram);
  keys["merged"] = config.task.score.merged ? "true" : "false";
  if (!config.task.score.metric.empty()) keys["metric"] = config.task.score.metric;
  keys["free_text"] = config.task.score.free_text ? "true" : "false";
  return keys;
}

}  // namespace

std::string hash_of(const IdentityKeys& keys) {
  Sha256 hash;
  for (const auto& [key, value] : keys) hash.update_field(key).update_field(value);
  return hash.hex();
}

std::string Trial::setting(const std::string& key) const {
  const auto found = config.settings.find(key);
  return found == config.settings.end() ? "" : found->second;
}

IdentityKeys given_seeds(const TrialConfig& config) {
  IdentityKeys keys;
  if (config.method == "none") return keys;
  if (config.init_seed) keys["init_seed"] = std::to_string(*config.init_seed);
  if (config.data_seed) keys["data_seed"] = std::to_string(*config.data_seed);
  return keys;
}

std::unique_ptr<Method> method_of(const Trial& trial) {
  Settings settings(trial.config.settings);
  return make_method(trial.config.method, settings);
}

std::int64_t micro_batch_of(const Trial& trial) {
  const std::string bound = trial.setting("micro_batch_tokens");
  return bound.empty() ? TrainSettings{}.micro_batch_tokens : std::stoll(bound);
}

Trial name_trial(const TrialConfig& config, const fs::path& base, FileHashes& hashes) {
  Trial trial;
  trial.config = config;
  trial.train = train_keys(config, base, hashes);
  trial.train_hash = hash_of(trial.train);
  trial.eval = eval_keys(config, trial.train_hash, hashes);
  trial.eval_hash = hash_of(trial.eval);
  return trial;
}

bool score_data_is(const Trial& trial, FileHashes& hashes) {
  IdentityKeys keys;
  add_data(trial.config.task.score.data, "score", hashes, keys);
  return keys.at("score.file") == trial.eval.at("score.file");
}

bool is_base_of(const Trial& base, const Trial& trial) {
  if (base.trains() || base.is_tuning() || trial.is_tuning()) return false;
  return std::ranges::all_of(trial.eval, [&](const auto& entry) {
    const auto own = base.eval.find(entry.first);
    return entry.first == "train" || entry.first == "merged" ||
           (own != base.eval.end() && own->second == entry.second);
  });
}

std::vector<Trial> name_trials(const Sweep& sweep, FileHashes& hashes,
                               std::vector<std::string>* notes) {
  std::vector<Trial> tuning, scored;
  std::map<std::string, std::string> known;                          // id -> task
  std::map<std::pair<std::string, std::string>, std::size_t> twice;  // by both tasks
  for (const TrialConfig& config : sweep.trials) {
    Trial trial = name_trial(config, sweep.base, hashes);
    if (config.tuning) {
      for (const TrialConfig& run : tuning_trials(config)) {
        Trial named = name_trial(run, sweep.base, hashes);
        trial.tuning_trials.push_back(named.id());
        if (known.emplace(named.id(), run.task.name).second) tuning.push_back(std::move(named));
      }
    }
    const auto [first, is_new] = known.emplace(trial.id(), config.task.name);
    if (is_new)
      scored.push_back(std::move(trial));
    else if (first->second != config.task.name)
      ++twice[{first->second, config.task.name}];
  }
  if (notes != nullptr)
    for (const auto& [tasks, count] : twice)
      notes->push_back(
          fmt::format("task '{}': {} of its trials {} also in task '{}', where data and settings "
                      "are the same; each runs once, and stands there in the results",
                      tasks.second, count, count == 1 ? "is" : "are", tasks.first));
  std::ranges::move(scored, std::back_inserter(tuning));
  return tuning;
}

}  // namespace rankscope
