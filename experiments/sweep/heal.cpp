#include "experiments/sweep/heal.h"

#include <fmt/format.h>

#include <set>

#include "common/appended_lines.h"
#include "common/error.h"
#include "common/files.h"
#include "common/jsonl.h"
#include "common/safetensors.h"

namespace rankscope {

namespace {

namespace fs = std::filesystem;

bool there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

class Healer {
 public:
  std::vector<std::string> take() { return std::move(done_); }

  // Whether the file is there and was put aside.
  template <typename Read>
  bool check(const fs::path& file, const Read& read) {
    if (!there(file)) return false;
    try {
      read(file);
      return false;
    } catch (const Error& error) {
      put_aside(file, error.what());
      return true;
    }
  }

  void put_aside(const fs::path& file, const std::string& why) {
    fs::path aside = file;
    aside += ".damaged";
    std::error_code error;
    fs::remove_all(aside, error);
    fs::rename(file, aside, error);
    if (error)
      throw MachineError("cannot put '" + file.string() +
                         "' aside: " + system_error_text(error.value()));
    done_.push_back(fmt::format("{}; put aside as {}", why, aside.filename().string()));
  }

 private:
  std::vector<std::string> done_;
};

void read_state(const fs::path& file) {
  const Json json = read_json_file(file);
  JsonObject(json, file.string()).get_string("state");
}

void read_lines(const fs::path& file) {
  JsonlReader reader(file);
  for (Json line; reader.next(line);) {
  }
}

// What a finished training must have beside its done.json.
void heal_training(const fs::path& folder, Healer& healer) {
  const fs::path done = folder / "done.json";
  bool damaged = healer.check(done, read_state);
  damaged |= healer.check(folder / "curve.jsonl", read_lines);
  damaged |= healer.check(folder / "state.safetensors",
                          [](const fs::path& file) { const SafetensorsFile read(file); });
  const bool diverged =
      there(done) && read_json_file(done).value("state", std::string()) == "diverged";
  const fs::path adapter = folder / "adapter";
  if (there(done) && !diverged) {
    bool broken = !there(adapter);
    for (const char* name : {"adapter_config.json", "adapter_model.safetensors"}) {
      if (!there(adapter / name)) continue;
      broken |= healer.check(adapter / name, [](const fs::path& file) {
        if (file.extension() == ".json")
          read_json_file(file);
        else
          const SafetensorsFile read(file);
      });
    }
    damaged |= broken || !there(folder / "curve.jsonl");
  }
  if (!damaged) return;
  // The rest of a training is worth nothing without the part that is lost: it starts over.
  for (const char* name : {"done.json", "curve.jsonl", "state.safetensors", "adapter", "best"})
    if (there(folder / name))
      healer.put_aside(folder / name, (folder / name).string() +
                                          ": a file of this training is damaged, it starts over");
}

void heal_evaluation(const fs::path& folder, Healer& healer) {
  healer.check(folder / "errors.json", [](const fs::path& file) {
    const Json json = read_json_file(file);
    JsonObject(json, file.string()).get_string_array("errors");
  });
  const fs::path done = folder / "done.json";
  bool damaged = healer.check(done, read_state);
  const bool lines_damaged = healer.check(folder / "outcomes.jsonl", read_lines);
  if (there(done) && healer.check(folder / "predictions.jsonl", read_lines)) damaged = true;
  if (!there(done)) return;
  const Json json = read_json_file(done);
  const bool needs_lines = json.value("state", std::string()) == "done" &&
                           !json.value("metrics", Json::object()).contains("nll");
  if (damaged || lines_damaged ||
      (needs_lines && (!there(folder / "outcomes.jsonl") || !there(folder / "predictions.jsonl"))))
    healer.put_aside(done, done.string() + ": a file beside it is damaged or missing");
}

}  // namespace

std::vector<std::string> heal_trials(const SweepFolder& folder, const Manifest& manifest) {
  Healer healer;
  std::set<std::string> trained;
  for (const Trial& trial : manifest.trials) {
    if (trial.trains() && trained.insert(trial.train_hash).second)
      heal_training(folder.train_folder(trial), healer);
    heal_evaluation(folder.eval_folder(trial), healer);
  }
  return healer.take();
}

}  // namespace rankscope
