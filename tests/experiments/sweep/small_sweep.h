// A sweep of small trials on the small text model, run by the program itself; and what two runs of
// it must have in common.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "experiments/folder_lock.h"
#include "tests/experiments/program.h"
#include "tests/experiments/text_model.h"
#include "tests/temporary_folder.h"

namespace rankscope::tests {

// The base, the data and the sweep file. 22 trials: two tasks (texts that are written, choices that
// are ranked), the base on both, LoRA of two ranks and seeds with its rate tuned, LoRA with dropout
// on all matrices, full fine-tuning that keeps its best step, LoRA on shuffled targets, and a run
// that diverges. All adapters are analysed.
class SmallSweep {
 public:
  static constexpr int kTrials = 22;
  // `steps` of each training, `scored` examples of each evaluation: more make a longer sweep.
  explicit SmallSweep(int steps = 6, int scored = 6);

  const std::filesystem::path& path() const { return folder_.path(); }
  std::filesystem::path file() const { return folder_ / "small.yaml"; }
  std::filesystem::path data(const std::string& name) const { return path() / "data" / name; }
  std::filesystem::path out(const std::string& name) const { return path() / name; }
  TextModel& model() { return model_; }

  // `run FILE --dir out(name)` and more words.
  std::vector<std::string> words(const std::string& name,
                                 const std::vector<std::string>& more = {}) const;
  ProgramResult run(const std::string& name, const std::vector<std::string>& more = {},
                    const ProgramOptions& options = {}) const;
  // Demands that it ends well.
  void finish(const std::string& name, const std::vector<std::string>& more = {}) const;

 private:
  TextModel model_;
  TemporaryFolder folder_;
};

// One small sweep for all tests of a process, and its undisturbed run in out("undisturbed"). Tests
// change neither.
SmallSweep& shared_sweep();
// A copy of the undisturbed run's folder, times of change included.
void copy_undisturbed(const std::string& name);

void remove_database(const std::filesystem::path& out);
// results.db as JSON Lines, a table after the other: all columns but times and environment.
std::string database_rows(const std::filesystem::path& out);
// Every file of the trials' folders by name, but those that hold times or the environment, those
// that locks are held on, and those that were put aside.
std::map<std::string, std::string> result_files(const std::filesystem::path& out);
// Demands that both are the same as in the undisturbed run.
void check_results(const std::filesystem::path& out, const std::filesystem::path& expected);

// The time of change of every adapter's files, by name.
std::map<std::string, std::filesystem::file_time_type> adapter_times(
    const std::filesystem::path& out);

// The sweep's trials as sweep.json has them.
std::vector<Json> trials_of(const std::filesystem::path& out);
std::filesystem::path train_folder(const std::filesystem::path& out, const Json& trial);
std::filesystem::path eval_folder(const std::filesystem::path& out, const Json& trial);
// The first trial of a group and a task.
Json trial_of(const std::filesystem::path& out, const std::string& group, const std::string& task);

// How many of the trials have a result.
int finished(const std::filesystem::path& out, const std::vector<Json>& trials);

// Makes the folder and keeps other processes from working in it: a trial whose evaluation folder is
// held is not begun, and one whose training folder is held stands still before its first step.
std::unique_ptr<FolderLock> hold(const std::filesystem::path& folder);
// Those of the trials that come to their end while this one is held: but itself and those that
// share its training.
std::vector<Json> beside(const Json& held, std::vector<Json> trials);

}  // namespace rankscope::tests
