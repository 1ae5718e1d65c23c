#include "experiments/sweep/heal.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "common/error.h"
#include "common/files.h"
#include "common/hash.h"
#include "common/jsonl.h"
#include "common/safetensors.h"
#include "common/text.h"
#include "experiments/folder_lock.h"

namespace rankscope {

namespace {

namespace fs = std::filesystem;

bool there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

std::string shown(const fs::path& path) { return printable(path.native(), 300); }

// What `look` found wrong; empty: nothing. A fault of the machine is no damage of the file.
std::string damage_found_by(const std::function<void()>& look) {
  try {
    look();
    return "";
  } catch (const MachineError&) {
    throw;
  } catch (const Error& error) {
    return error.what();
  } catch (const Json::exception& error) {
    return error.what();
  }
}

class Healer {
 public:
  std::vector<std::string> take() { return std::move(done_); }

  void put_aside(const fs::path& file, const std::string& why) {
    if (!there(file)) return;
    fs::path aside = file;
    aside += ".damaged";
    std::error_code error;
    fs::remove_all(aside, error);
    fs::rename(file, aside, error);
    if (error)
      throw MachineError("cannot put '" + shown(file) +
                         "' aside: " + system_error_text(error.value()));
    done_.push_back(fmt::format("{}; put aside as {}", why, aside.filename().string()));
  }

  void check(const fs::path& file, const std::function<void(const fs::path&)>& read) {
    if (!there(file)) return;
    const std::string damage = damage_found_by([&] { read(file); });
    if (!damage.empty()) put_aside(file, damage);
  }

 private:
  std::vector<std::string> done_;
};

// Calls `look` at each line; returns how many there are. None where there is no file.
std::int64_t for_lines(const fs::path& file, const std::function<void(JsonObject&)>& look) {
  if (!there(file)) return 0;
  JsonlReader reader(file);
  std::int64_t count = 0;
  for (Json line; reader.next(line); ++count) {
    JsonObject object = reader.object(line, JsonObject::Nulls::kAbsent);
    look(object);
  }
  return count;
}

std::int64_t saved_step(const fs::path& state) {
  const SafetensorsFile file(state);
  const auto found = file.metadata().find("step");
  std::int64_t step = -1;
  if (found != file.metadata().end())
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), step);
  if (step < 0) throw InputError(shown(state) + ": has no step");
  return step;
}

// `by_hash`: its values too, which takes reading them.
void check_adapter(const fs::path& folder, bool by_hash) {
  if (!there(folder / "rankscope.json"))
    throw InputError("'" + shown(folder) + "' holds no adapter");
  const Json json = read_json_file(folder / "rankscope.json");
  JsonObject about(json, shown(folder / "rankscope.json"));
  const fs::path weights = folder / about.get_string("weights_file");
  if (!there(weights)) throw InputError("'" + shown(weights) + "' is missing");
  if (by_hash && sha256_file(weights) != about.get_string("weights_sha256"))
    throw InputError(shown(weights) + ": is not the file that was written, by its SHA-256");
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const fs::directory_entry& entry = *it;
    if (entry.path().extension() == ".json") read_json_file(entry.path());
    if (entry.path().extension() == ".safetensors") const SafetensorsFile read(entry.path());
  }
  const std::string method = about.get_string("method");
  if (method != "lora" && method != "full") return;
  const fs::path config = folder / (method == "lora" ? "adapter_config.json" : "config.json");
  const Json content = read_json_file(config);
  JsonObject(content, shown(config)).get_string(method == "lora" ? "peft_type" : "model_type");
}

// Demands that a training can go on from what its folder holds, or that it is finished and whole.
void check_training(const fs::path& folder, bool is_needed) {
  // The resume point first: it goes when done.json has come, and its curve is there before it.
  const fs::path state = folder / "state.safetensors", done = folder / "done.json";
  const std::int64_t resume_at = there(state) ? saved_step(state) : -1;
  std::int64_t steps = std::max<std::int64_t>(resume_at, 0);
  const bool finished = there(done);
  if (finished) {
    const Json json = read_json_file(done);
    JsonObject object(json, shown(done));
    const bool diverged = object.get_string("state") == "diverged";
    // The step that diverged has its line, but is not one that was made.
    steps = object.get_int("steps", 0) + (diverged ? 1 : 0);
    object.get_int("trainable_parameters", 0);
    object.get_object("identity");
    if (!diverged) check_adapter(folder / "adapter", is_needed);
  } else if (resume_at < 0 && there(folder / "adapter")) {
    throw InputError("'" + shown(folder) +
                     "' has an adapter, but neither done.json nor a resume "
                     "point");
  }
  const std::int64_t lines = for_lines(folder / "curve.jsonl", [](JsonObject& line) {
    line.get_int("step"), line.get_double("lr");
  });
  if (lines < steps || (finished && lines != steps))
    throw InputError(
        fmt::format("{}: has {} lines for {} steps", shown(folder / "curve.jsonl"), lines, steps));
}

// Whether the training is finished and nothing is wrong with it. `is_needed`: an evaluation is
// going to read it.
bool heal_training(const fs::path& folder, bool is_needed, Healer& healer) {
  const std::string damage = damage_found_by([&] { check_training(folder, is_needed); });
  // The rest of a training is worth nothing without the part that is lost: it starts over.
  if (!damage.empty())
    for (const char* name : {"done.json", "curve.jsonl", "state.safetensors", "adapter", "best"})
      healer.put_aside(folder / name, damage + "; the training starts over: " + name);
  return there(folder / "done.json");
}

void check_lines(const fs::path& file, std::int64_t expected,
                 const std::function<void(JsonObject&)>& look) {
  const std::int64_t lines = for_lines(file, look);
  if (lines != expected)
    throw InputError(fmt::format("{}: has {} lines for {} examples", shown(file), lines, expected));
}

// Demands that a finished evaluation has all that it is collected from.
void check_evaluation(const fs::path& folder) {
  const fs::path done = folder / "done.json";
  const Json json = read_json_file(done);
  JsonObject object(json, shown(done));
  if (object.get_string("state") == "diverged") return;
  const std::int64_t examples = object.get_int("examples", 0);
  object.get_object("metrics");
  for (const auto& [name, metric] : json.at("metrics").items())
    JsonObject(metric, shown(done) + ": metric " + name).get_int("count", 0);
  if (json.at("metrics").contains("nll")) return;  // nothing is predicted
  check_lines(folder / "outcomes.jsonl", examples, [](JsonObject& line) {
    line.get_string("id");
    line.get_object("outcomes");
  });
  check_lines(folder / "predictions.jsonl", examples, [](JsonObject& line) {
    line.get_string("id");
    line.get_string("prediction");
  });
}

void heal_evaluation(const fs::path& folder, bool needs_training, bool is_trained, Healer& healer) {
  healer.check(folder / "errors.json", [](const fs::path& file) {
    const Json json = read_json_file(file);
    JsonObject(json, shown(file)).get_string_array("errors");
  });
  healer.check(folder / "environment.json", [](const fs::path& file) {
    const Json json = read_json_file(file);
    JsonObject(json, shown(file)).get_string("instruction_set");
  });
  const fs::path done = folder / "done.json";
  if (!there(done)) return;
  // The predictions that are whole stay: only the others are made again.
  std::string damage = damage_found_by([&] { check_evaluation(folder); });
  if (damage.empty() && needs_training && !is_trained)
    damage = "'" + shown(done) + "' stands without its training";
  if (!damage.empty()) healer.put_aside(done, damage + "; the trial is evaluated again: done.json");
}

// Nothing where there is no such folder yet, or a process is at work in it: a worker that outlived
// its coordinator.
bool take(const fs::path& folder, std::optional<FolderLock>& lock) {
  if (!there(folder)) return false;
  try {
    lock.emplace(folder);
    return true;
  } catch (const InputError&) {
    return false;
  }
}

}  // namespace

std::vector<std::string> heal_trials(const SweepFolder& folder, const Manifest& manifest) {
  Healer healer;
  std::map<std::string, bool> trained;  // by the training's hash
  std::set<std::string> needed;
  for (const Trial& trial : manifest.trials)
    if (!there(folder.eval_folder(trial) / "done.json")) needed.insert(trial.train_hash);
  for (const Trial& trial : manifest.trials) {
    const fs::path train = folder.train_folder(trial);
    std::optional<FolderLock> train_lock, eval_lock;
    if (!take(train, train_lock)) continue;
    clear_stale_temporaries(train);
    if (trial.trains() && !trained.contains(trial.train_hash))
      trained[trial.train_hash] = heal_training(train, needed.contains(trial.train_hash), healer);
    if (!take(folder.eval_folder(trial), eval_lock)) continue;
    clear_stale_temporaries(folder.eval_folder(trial));
    heal_evaluation(folder.eval_folder(trial), trial.trains(), trained[trial.train_hash], healer);
    describe_trial(folder, trial);
  }
  return healer.take();
}

}  // namespace rankscope
