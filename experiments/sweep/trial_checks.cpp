#include "experiments/sweep/trial_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>

#include "common/error.h"
#include "common/files.h"
#include "common/hash.h"
#include "common/jsonl.h"
#include "common/safetensors.h"
#include "common/text.h"
#include "engine/checkpoint/adapter_record.h"
#include "experiments/content_check.h"
#include "experiments/run_folder.h"
#include "experiments/sweep/sweep_folder.h"
#include "experiments/sweep/trial_files.h"

namespace rankscope {

namespace {

namespace fs = std::filesystem;

// Calls `look` at each line; returns how many there are. None where there is no file.
std::int64_t for_lines(const fs::path& file, const std::function<void(JsonObject&)>& look) {
  if (!is_there(file)) return 0;
  JsonlReader reader(file, {}, InputKind::kRegular);
  std::int64_t count = 0;
  for (Json line; reader.next(line); ++count) {
    JsonObject object = reader.object(line, JsonObject::Nulls::kAbsent);
    look(object);
  }
  return count;
}

// By the SHA-256 that a done.json records: many times faster than reading line by line, which is
// left for older folders and for saying what is wrong.
bool is_as_written(const fs::path& file, const std::string& hash) {
  return !hash.empty() && is_there(file) && sha256_file(file) == hash;
}

std::string altered(const fs::path& file) {
  return printable_path(file) + ": is not the file that was written, by its SHA-256";
}

// Of the training in `train`, whose done.json that is: its JSON files by their hashes, where those
// are recorded. `by_hash`: its values too, which takes reading them.
void check_adapter(const fs::path& train, const Json& done, bool by_hash) {
  const fs::path record = train / kAdapterRecord, folder = record.parent_path();
  if (!is_there(record)) throw InputError("'" + printable_path(folder) + "' holds no adapter");
  const Json json = read_json_file(record);
  const auto check_file = [](const fs::path& file, const std::string& hash) {
    if (!is_there(file)) throw InputError("'" + printable_path(file) + "' is missing");
    if (!hash.empty() && !is_as_written(file, hash)) throw InputError(altered(file));
  };
  for (const char* name : kRecordedAdapterFiles)
    if (const std::string hash = recorded_hash(done, name); !hash.empty())
      check_file(train / name, hash);
  JsonObject about(json, printable_path(record));
  const auto check_values = [&](const fs::path& file, const std::string& hash) {
    check_file(file, by_hash ? hash : "");
  };
  check_values(folder / about.get_string("weights_file"), about.get_string("weights_sha256"));
  if (about.has("exact_sha256"))
    check_values(folder / kExactFile, about.get_string("exact_sha256"));
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const fs::directory_entry& entry = *it;
    if (entry.path().extension() == ".json") read_json_file(entry.path());
    if (entry.path().extension() == ".safetensors") const SafetensorsFile read(entry.path());
  }
  SavedForm form = SavedForm::kTensors;
  try {
    form = saved_form_of(about.get_string("method"));
  } catch (const InputError&) {  // another version's method is no damage
    return;
  }
  if (form != SavedForm::kLowRank && form != SavedForm::kModel) return;
  const bool peft = form == SavedForm::kLowRank;
  const fs::path config = folder / (peft ? "adapter_config.json" : "config.json");
  const Json content = read_json_file(config);
  JsonObject(content, printable_path(config)).get_string(peft ? "peft_type" : "model_type");
}

// Throws where the file cannot have been written so; whether it reads well and yet is another.
bool check_lines(const fs::path& file, const std::string& hash, std::int64_t expected,
                 const std::function<void(JsonObject&)>& look) {
  if (is_as_written(file, hash)) return false;
  const std::int64_t lines = for_lines(file, look);
  if (lines != expected)
    throw InputError(
        fmt::format("{}: has {} lines for {} examples", printable_path(file), lines, expected));
  return !hash.empty();
}

}  // namespace

std::int64_t saved_step(const fs::path& state) {
  const SafetensorsFile file(state);
  const auto found = file.metadata().find("step");
  std::int64_t step = -1;
  if (found != file.metadata().end())
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), step);
  if (step < 0) throw InputError(printable_path(state) + ": has no step");
  return step;
}

void check_training(const fs::path& folder, bool is_needed) {
  // The resume point first: it goes when done.json has come, and its curve is there before it.
  const fs::path state = folder / "state.safetensors", done = folder / "done.json";
  const std::int64_t resume_at = is_there(state) ? saved_step(state) : -1;
  std::int64_t steps = std::max<std::int64_t>(resume_at, 0);
  const bool finished = is_there(done);
  std::string curve_hash;
  if (finished) {
    const Json json = read_checked_file(done);
    JsonObject object(json, printable_path(done));
    const bool diverged = object.get_string("state") == "diverged";
    // The step that diverged has its line, but is not one that was made.
    steps = object.get_int("steps", 0) + (diverged ? 1 : 0);
    object.get_int("trainable_parameters", 0);
    object.get_object("identity");
    curve_hash = recorded_hash(json, "curve.jsonl");
    if (!diverged) check_adapter(folder, json, is_needed);
  } else if (resume_at < 0 && is_there(folder / "adapter")) {
    throw InputError("'" + printable_path(folder) +
                     "' has an adapter, but neither done.json nor a resume "
                     "point");
  }
  const fs::path curve = folder / "curve.jsonl";
  if (is_as_written(curve, curve_hash)) return;
  const std::int64_t lines =
      for_lines(curve, [](JsonObject& line) { line.get_int("step"), line.get_double("lr"); });
  if (lines < steps || (finished && lines != steps))
    throw InputError(
        fmt::format("{}: has {} lines for {} steps", printable_path(curve), lines, steps));
  if (!curve_hash.empty()) throw InputError(altered(curve));
}

void check_evaluation(const fs::path& folder, bool& predictions_altered) {
  const EvaluationDone done = read_evaluation_done(folder);
  if (done.diverged) return;
  const Json& json = done.json;
  const std::int64_t examples =
      JsonObject(json, printable_path(folder / "done.json")).get_int("examples", 0);
  if (done.metrics.contains("nll")) return;  // nothing is predicted
  const fs::path outcomes = folder / "outcomes.jsonl", predictions = folder / "predictions.jsonl";
  predictions_altered = check_lines(predictions, recorded_hash(json, "predictions.jsonl"), examples,
                                    [](JsonObject& line) {
                                      line.get_string("id");
                                      line.get_string("prediction");
                                    });
  if (predictions_altered) throw InputError(altered(predictions));
  if (check_lines(outcomes, recorded_hash(json, "outcomes.jsonl"), examples, [](JsonObject& line) {
        line.get_string("id");
        line.get_object("outcomes");
      }))
    throw InputError(altered(outcomes));
}

}  // namespace rankscope
