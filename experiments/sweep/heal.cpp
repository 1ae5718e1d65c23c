#include "experiments/sweep/heal.h"

#include <fmt/format.h>

#include <functional>
#include <map>
#include <optional>
#include <set>

#include "common/error.h"
#include "common/files.h"
#include "common/folders.h"
#include "common/json.h"
#include "common/text.h"
#include "experiments/environment.h"
#include "experiments/folder_lock.h"
#include "experiments/sweep/trial_checks.h"

namespace rankscope {

namespace {

namespace fs = std::filesystem;

// What `look` found wrong; empty: nothing. A fault of the machine is no damage of the file.
std::string damage_found_by(const std::function<void()>& look) {
  try {
    look();
    return "";
  } catch (const MachineError&) {
    throw;
  } catch (const Interrupted&) {
    throw;
  } catch (const PermissionDenied&) {
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
  void say(std::string line) { done_.push_back(std::move(line)); }

  // This and the two below: whether something was put aside.
  bool put_aside(const fs::path& file, const std::string& why) {
    std::error_code unknown;
    if (!fs::exists(fs::symlink_status(file, unknown))) return false;
    done_.push_back(fmt::format("{}; put aside as {}", why, rankscope::put_aside(file)));
    return true;
  }

  // A folder, a pipe or a link to nowhere in a file's place can be neither read nor written to.
  bool require_regular(const fs::path& folder, std::initializer_list<const char*> names) {
    bool any = false;
    for (const char* name : names) {
      std::error_code unknown;
      if (!fs::is_regular_file(folder / name, unknown))
        any |= put_aside(folder / name,
                         "'" + printable_path(folder / name) + "' is not a regular file");
    }
    return any;
  }

  bool check(const fs::path& file, const std::function<void(const fs::path&)>& read) {
    const std::string damage = damage_found_by([&] {
      if (is_there(file)) read(file);
    });
    return !damage.empty() && put_aside(file, damage);
  }

 private:
  std::vector<std::string> done_;
};

// The rest of a training is worth nothing without the part that is lost: it starts over.
void put_training_aside(const fs::path& folder, const std::string& damage, Healer& healer) {
  for (const char* name : {"done.json", "curve.jsonl", "state.safetensors", "adapter", "best"})
    healer.put_aside(folder / name, damage + "; the training starts over: " + name);
}

// Whether one was there that is none.
bool heal_environment(const fs::path& folder, Healer& healer) {
  return healer.require_regular(folder, {kEnvironmentFile}) ||
         healer.check(folder / kEnvironmentFile,
                      [](const fs::path& file) { read_environment(file.parent_path()); });
}

// Beside a result that stays; one that is made again gets another environment.
void store_as_lost(const fs::path& folder, Healer& healer) {
  put_lost_environment(folder);
  healer.say("'" + printable_path(folder / kEnvironmentFile) +
             "': what made this result cannot be known again, and is stored as lost; the result "
             "stays");
}

// Whether the training is finished and nothing is wrong with it. `is_needed`: an evaluation is
// going to read it.
bool heal_training(const fs::path& folder, bool is_needed, Healer& healer) {
  const bool lost = heal_environment(folder, healer);
  const std::string damage = damage_found_by([&] { check_training(folder, is_needed); });
  if (!damage.empty()) put_training_aside(folder, damage, healer);
  const bool finished = is_there(folder / "done.json");
  if (lost && finished) store_as_lost(folder, healer);
  return finished;
}

void heal_evaluation(const fs::path& folder, bool needs_training, bool is_trained, Healer& healer) {
  healer.require_regular(
      folder, {"eval.json", "predictions.jsonl", "outcomes.jsonl", "errors.json", "timings.json"});
  healer.check(folder / "errors.json",
               [](const fs::path& file) { read_trial_errors(file.parent_path()); });
  const bool lost = heal_environment(folder, healer);
  const fs::path done = folder / "done.json";
  if (!is_there(done)) return;
  // The predictions that are whole stay: only the others are made again.
  bool altered = false;
  std::string damage = damage_found_by([&] { check_evaluation(folder, altered); });
  // No line tells which of them was changed.
  if (altered) healer.put_aside(folder / "predictions.jsonl", damage + "; all are made again");
  if (damage.empty() && needs_training && !is_trained)
    damage = "'" + printable_path(done) + "' stands without its training";
  if (!damage.empty())
    healer.put_aside(done, damage + "; the trial is evaluated again: done.json");
  else if (lost)
    store_as_lost(folder, healer);
}

// Nothing where there is no such folder yet, or a process is at work in it: a worker that outlived
// its coordinator.
bool take(const fs::path& folder, std::optional<FolderLock>& lock, Healer& healer) {
  if (!is_there(folder)) return false;
  healer.require_regular(folder, {kLockFile});
  try {
    lock.emplace(folder);
    return true;
  } catch (const FolderBusy&) {
    return false;
  }
}

}  // namespace

std::vector<std::string> heal_lock(const SweepFolder& folder) {
  Healer healer;
  healer.require_regular(folder.path(), {kLockFile});
  return healer.take();
}

std::vector<std::string> heal_sweep_files(const SweepFolder& folder) {
  Healer healer;
  healer.require_regular(folder.path(), {"sweep.json", "hashes.json", "latency.jsonl"});
  return healer.take();
}

std::vector<std::string> heal_trials(const SweepFolder& folder, const Manifest& manifest) {
  Healer healer;
  std::map<std::string, bool> trained;  // by the training's hash
  std::set<std::string> needed;
  for (const Trial& trial : manifest.trials)
    if (!is_there(folder.eval_folder(trial) / "done.json")) needed.insert(trial.train_hash);
  for (const Trial& trial : manifest.trials) {
    const fs::path train = folder.train_folder(trial);
    std::optional<FolderLock> train_lock, eval_lock;
    if (!take(train, train_lock, healer)) continue;
    clear_stale_temporaries(train, Writers::kNone);
    healer.require_regular(train, {"trial.json", "curve.jsonl", "timings.json"});
    if (trial.trains() && !trained.contains(trial.train_hash))
      trained[trial.train_hash] = heal_training(train, needed.contains(trial.train_hash), healer);
    if (!take(folder.eval_folder(trial), eval_lock, healer)) continue;
    clear_stale_temporaries(folder.eval_folder(trial), Writers::kNone);
    heal_evaluation(folder.eval_folder(trial), trial.trains(), trained[trial.train_hash], healer);
    describe_trial(folder, trial);
  }
  return healer.take();
}

std::vector<std::string> start_over(const SweepFolder& folder, const Manifest& manifest,
                                    const std::vector<std::string>& trials) {
  std::set<std::string> trainings;
  for (const std::string& id : trials) trainings.insert(find_trial(manifest, id).train_hash);
  std::vector<std::string> done;
  for (const Trial& trial : manifest.trials) {
    if (!trainings.contains(trial.train_hash)) continue;
    const fs::path train = folder.train_folder(trial), eval = folder.eval_folder(trial);
    std::optional<FolderLock> train_lock, eval_lock;
    Healer healer;
    if (!take(train, train_lock, healer) || !take(eval, eval_lock, healer)) continue;
    put_training_aside(train, "", healer);
    healer.put_aside(eval / "done.json", "");
    done.push_back(fmt::format(
        "'{}': its adapter is not the one that was written; {} files are put aside (*.damaged), "
        "and the next run trains and evaluates it again",
        printable_path(train), healer.take().size()));
  }
  return done;
}

}  // namespace rankscope
