// A trial as sweep.json holds it, so that `trial DIR ID` needs no sweep file.
#include <fmt/format.h>

#include "experiments/sweep/trial.h"

namespace rankscope {

namespace {

OrderedJson data_json(const DataSource& source) {
  OrderedJson json;
  json["task"] = source.task;
  json["data"] = source.data.string();
  json["split"] = source.split;
  json["skip"] = source.skip;
  json["limit"] = source.limit;
  json["template"] = source.template_keys;
  json["max_tokens"] = source.max_tokens;
  json["end_token"] = source.end_token;
  return json;
}

DataSource data_from(JsonObject object) {
  DataSource source;
  source.task = object.get_string("task");
  source.data = object.get_string("data");
  source.split = object.get_string("split");
  source.skip = object.get_uint("skip");
  source.limit = object.get_uint("limit");
  source.template_keys = object.get_string_array("template");
  source.max_tokens = object.get_int("max_tokens", 0);
  source.end_token = object.get_string("end_token");
  object.finish();
  return source;
}

std::map<std::string, std::string> text_map(const JsonObject& object, const Json& json) {
  std::map<std::string, std::string> out;
  for (const auto& [key, value] : json.items()) {
    if (!value.is_string()) object.fail(key, "must be a string, not " + json_excerpt(value));
    out.emplace_hint(out.end(), key, value.get_ref<const std::string&>());
  }
  return out;
}

OrderedJson tuning_json(const TrialConfig::Tuning& tuning) {
  OrderedJson json;
  json["rates"] = tuning.rates;
  json["steps"] = tuning.steps;
  json["seed"] = tuning.seed;
  json["settings"] = tuning.settings;
  json["train"] = data_json(tuning.train);
  json["score"] = data_json(tuning.score);
  return json;
}

TrialConfig::Tuning tuning_from(JsonObject object, const Json& json) {
  TrialConfig::Tuning tuning;
  for (const Json& rate : object.get_array("rates")) {
    if (!rate.is_number()) object.fail("rates", "must hold numbers");
    tuning.rates.push_back(rate);
  }
  tuning.steps = object.get_int("steps", 1);
  tuning.seed = object.get_uint("seed");
  tuning.settings = text_map(object.get_object("settings"), json.at("settings"));
  tuning.train = data_from(object.get_object("train"));
  tuning.score = data_from(object.get_object("score"));
  object.finish();
  return tuning;
}

OrderedJson score_json(const ScoreSettings& score) {
  OrderedJson json;
  json["data"] = data_json(score.data);
  json["max_new"] = score.decoding.max_new;
  json["min_new"] = score.decoding.min_new;
  json["beams"] = score.decoding.beams;
  json["length_penalty"] = score.decoding.length_penalty;
  json["no_repeat_ngram"] = score.decoding.no_repeat_ngram;
  json["merged"] = score.merged;
  if (!score.metric.empty()) json["metric"] = score.metric;
  json["free_text"] = score.free_text;
  return json;
}

ScoreSettings score_from(JsonObject object) {
  ScoreSettings score;
  score.data = data_from(object.get_object("data"));
  score.decoding.max_new = object.get_int("max_new", 1);
  score.decoding.min_new = object.get_int("min_new", 0);
  score.decoding.beams = object.get_int("beams", 1);
  score.decoding.length_penalty = object.get_double("length_penalty");
  score.decoding.no_repeat_ngram = object.get_int("no_repeat_ngram", 0);
  score.merged = object.get_bool("merged");
  score.metric = object.get_string_or("metric", "");
  score.free_text = object.get_bool("free_text");
  object.finish();
  return score;
}

OrderedJson config_json(const TrialConfig& config) {
  OrderedJson json;
  json["group"] = config.group;
  json["role"] = config.role;
  json["method"] = config.method;
  json["settings"] = config.settings;
  json["seed"] = config.seed;
  if (config.init_seed) json["init_seed"] = *config.init_seed;
  if (config.data_seed) json["data_seed"] = *config.data_seed;
  json["steps"] = config.steps;
  json["epochs"] = config.epochs;
  json["eval_every"] = config.eval_every;
  json["keep"] = config.keep;
  if (config.shuffle_targets) json["shuffle_targets"] = true;
  if (config.precision != kDefaultPrecision) json["precision"] = config.precision;
  json["task"] = config.task.name;
  json["train"] = data_json(config.task.train);
  json["held_out"] = data_json(config.task.held_out);
  json["score"] = score_json(config.task.score);
  if (config.tuning) json["tuning"] = tuning_json(*config.tuning);
  return json;
}

TrialConfig config_from(JsonObject object, const Json& json) {
  TrialConfig config;
  config.group = object.get_string("group");
  config.role = object.get_string("role");
  config.method = object.get_string("method");
  config.settings = text_map(object.get_object("settings"), json.at("settings"));
  config.seed = object.get_uint("seed");
  if (object.has("init_seed")) config.init_seed = object.get_uint("init_seed");
  if (object.has("data_seed")) config.data_seed = object.get_uint("data_seed");
  config.steps = object.get_int("steps", 0);
  config.epochs = object.get_double("epochs", 0);
  config.eval_every = object.get_int("eval_every", 0);
  config.keep = object.get_string("keep");
  config.shuffle_targets = object.get_bool_or("shuffle_targets", false);
  config.precision = object.get_string_or("precision", std::string(kDefaultPrecision));
  config.task.name = object.get_string("task");
  config.task.train = data_from(object.get_object("train"));
  config.task.held_out = data_from(object.get_object("held_out"));
  config.task.score = score_from(object.get_object("score"));
  if (object.has("tuning"))
    config.tuning = tuning_from(object.get_object("tuning"), json.at("tuning"));
  object.finish();
  return config;
}

}  // namespace

OrderedJson trial_json(const Trial& trial) {
  OrderedJson json;
  json["id"] = trial.id();
  json["train_hash"] = trial.train_hash;
  json["eval_hash"] = trial.eval_hash;
  json["train"] = trial.train;
  json["eval"] = trial.eval;
  json["tuning_trials"] = trial.tuning_trials;
  json["config"] = config_json(trial.config);
  return json;
}

Trial trial_from_json(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  Trial trial;
  const std::string id = object.get_string("id");
  trial.train_hash = object.get_string("train_hash");
  trial.eval_hash = object.get_string("eval_hash");
  trial.train = text_map(object.get_object("train"), json.at("train"));
  trial.eval = text_map(object.get_object("eval"), json.at("eval"));
  trial.tuning_trials = object.get_string_array("tuning_trials");
  trial.config = config_from(object.get_object("config"), json.at("config"));
  object.finish();
  if (trial.tuning_trials.size() != (trial.config.tuning ? trial.config.tuning->rates.size() : 0))
    object.fail("tuning_trials",
                "must name a run for each rate of 'tuning'; run the sweep again to write it anew");
  // Folder names are made of them: no other text may come in.
  if (hash_of(trial.train) != trial.train_hash)
    object.fail("train_hash", "is not the hash of 'train'; run the sweep again to write it anew");
  if (hash_of(trial.eval) != trial.eval_hash || id != trial.id())
    object.fail("eval_hash", "is not the hash of 'eval'; run the sweep again to write it anew");
  return trial;
}

}  // namespace rankscope
