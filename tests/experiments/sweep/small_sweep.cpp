#include "tests/experiments/sweep/small_sweep.h"

#include <catch2/catch.hpp>

#include <algorithm>

#include "common/files.h"
#include "tests/datasets/test_files.h"

namespace rankscope::tests {

namespace {

namespace fs = std::filesystem;

const char* const kTopics[] = {"rain", "the sea", "bread", "a lamp", "two dogs", "the road"};

std::string written(int count, int offset) {
  std::vector<Json> lines;
  for (int i = 0; i < count; ++i) {
    const std::string topic = kTopics[(i + offset) % 6];
    lines.push_back({{"id", "w" + std::to_string(i + offset)},
                     {"prompt", "Say " + std::to_string(i + offset) + " words of " + topic + ":"},
                     {"target", " it is " + topic}});
  }
  return to_lines(lines);
}

std::string ranked(int count, int offset) {
  std::vector<Json> lines;
  for (int i = 0; i < count; ++i) {
    const int n = i + offset;
    lines.push_back({{"id", "r" + std::to_string(n)},
                     {"prompt", std::string("Is ") + kTopics[n % 6] + " wet? " + std::to_string(n)},
                     {"target", n % 3 == 0 ? " yes" : " no"},
                     {"choices", {" yes", " no", " maybe"}}});
  }
  return to_lines(lines);
}

}  // namespace

SmallSweep::SmallSweep(int steps, int scored) {
  fs::create_directories(folder_ / "data");
  put(data("write_train.jsonl"), written(16, 0));
  put(data("write_dev.jsonl"), written(scored + 2, 100));
  put(data("pick_train.jsonl"), ranked(16, 0));
  put(data("pick_dev.jsonl"), ranked(scored + 2, 100));
  const std::string count_of_scored = std::to_string(scored);
  const std::string count = std::to_string(steps);
  put(file(), "name: small\nbase: " + model_.path() + R"(
seeds: [1, 2]
tasks:
  write:
    task: own
    train: {data: data/write_train.jsonl, limit: 12}
    score: {data: data/write_dev.jsonl, limit: )" +
                  count_of_scored + R"(, max_new: 8}
    tune: {limit: 4}
  pick:
    task: own
    train: {data: data/pick_train.jsonl, limit: 12}
    score: {data: data/pick_dev.jsonl, limit: )" +
                  count_of_scored + R"(}
    tune: {limit: 4}
training: {batch: 4, steps: )" +
                  count + R"(, lr: 1e-3}
tuning: {lr: [1e-3, 1e-2], steps: 3}
analysis: {intruders: 0.5}
groups:
  - {name: tuned, method: lora, lr: tuned, grid: {rank: [1, 4]}}
  - {name: wide, method: lora, targets: all, rank: 2, dropout: 0.1, tasks: pick}
  - {name: best, method: full, keep: best, eval_every: 2, tasks: write}
  - {name: shuffled, method: lora, lr: tuned, rank: 4, shuffle_targets: true, tasks: pick}
  - {name: wild, method: full, lr: 1e18, epsilon: 0, seeds: [1]}
)");
}

std::vector<std::string> SmallSweep::words(const std::string& name,
                                           const std::vector<std::string>& more) const {
  std::vector<std::string> all{"run", file().string(), "--dir", out(name).string()};
  // A test that says how many workers comes last and counts.
  const auto given = [&](const char* option) {
    return std::find(more.begin(), more.end(), option) != more.end();
  };
  if (!given("--workers")) all.insert(all.end(), {"--workers", "2"});
  if (!given("--threads")) all.insert(all.end(), {"--threads", "1"});
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

ProgramResult SmallSweep::run(const std::string& name, const std::vector<std::string>& more,
                              const ProgramOptions& options) const {
  return run_program(words(name, more), options);
}

void SmallSweep::finish(const std::string& name, const std::vector<std::string>& more) const {
  const ProgramResult result = run(name, more);
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
}

SmallSweep& shared_sweep() {
  static SmallSweep sweep;
  if (!fs::exists(sweep.out("undisturbed"))) sweep.finish("undisturbed");
  return sweep;
}

void remove_database(const fs::path& out) {
  for (const char* end : {"", "-wal", "-shm"}) fs::remove(out / (std::string("results.db") + end));
}

void copy_undisturbed(const std::string& name) {
  const SmallSweep& sweep = shared_sweep();
  fs::remove_all(sweep.out(name));
  fs::copy(sweep.out("undisturbed"), sweep.out(name), fs::copy_options::recursive);
  for (const auto& entry : fs::recursive_directory_iterator(sweep.out("undisturbed")))
    if (entry.is_regular_file())
      fs::last_write_time(
          sweep.out(name) / entry.path().lexically_relative(sweep.out("undisturbed")),
          entry.last_write_time());
}

std::string database_rows(const fs::path& out) {
  std::string rows;
  for (const std::string& query : std::vector<std::string>{
           "SELECT * FROM trials ORDER BY trial", "SELECT * FROM scores ORDER BY trial, metric",
           "SELECT * FROM learning_curves ORDER BY trial, step",
           "SELECT * FROM config ORDER BY trial, key",
           "SELECT * FROM predictions_scored ORDER BY trial, example, metric",
           "SELECT * FROM datasets ORDER BY 1", "SELECT * FROM sweeps",
           "SELECT one, other, relation FROM analysis ORDER BY 1, 2",
           "SELECT * FROM adapter_values ORDER BY trial, layer, site, quantity",
           "SELECT * FROM spectrum_value ORDER BY 1, 2, 3, 4",
           "SELECT * FROM similarity ORDER BY 1, 2, 3, 4, 5",
           "SELECT * FROM chance ORDER BY 1, 2, 3"}) {
    const ProgramResult result = run_program({"query", out.string(), query, "--format", "json"});
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
    rows += query + "\n" + result.out;
  }
  return rows;
}

std::map<std::string, std::string> result_files(const fs::path& out) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(out / "trials")) {
    const std::string name = entry.path().lexically_relative(out).string();
    const std::string last = entry.path().filename().string();
    if (!entry.is_regular_file() || name.find(".damaged") != std::string::npos ||
        last == "log.txt" || last == ".lock" || last == "timings.json" ||
        last == "environment.json")
      continue;
    files[name] = read_bytes(entry.path());
  }
  return files;
}

void check_results(const fs::path& out, const fs::path& expected) {
  const auto got = result_files(out), wanted = result_files(expected);
  for (const auto& [name, bytes] : wanted) {
    INFO(name);
    REQUIRE(got.contains(name));
    CHECK(got.at(name) == bytes);
  }
  for (const auto& [name, bytes] : got) {
    INFO(name);
    CHECK(wanted.contains(name));
  }
  CHECK(database_rows(out) == database_rows(expected));
}

std::map<std::string, fs::file_time_type> adapter_times(const fs::path& out) {
  std::map<std::string, fs::file_time_type> times;
  if (!fs::exists(out / "trials")) return times;
  for (const auto& entry : fs::recursive_directory_iterator(out / "trials"))
    if (entry.is_regular_file() && entry.path().parent_path().filename() == "adapter")
      times[entry.path().lexically_relative(out).string()] = entry.last_write_time();
  return times;
}

std::vector<Json> trials_of(const fs::path& out) {
  return read_json_file(out / "sweep.json").at("trials");
}

fs::path train_folder(const fs::path& out, const Json& trial) {
  return out / "trials" / trial.at("train_hash").get<std::string>().substr(0, 12);
}

fs::path eval_folder(const fs::path& out, const Json& trial) {
  return train_folder(out, trial) /
         ("eval-" + trial.at("eval_hash").get<std::string>().substr(0, 8));
}

Json trial_of(const fs::path& out, const std::string& group, const std::string& task) {
  for (const Json& trial : trials_of(out))
    if (trial.at("config").at("group") == group && trial.at("config").at("task") == task &&
        trial.at("config").at("role") == "scored")
      return trial;
  throw std::runtime_error("no trial of group " + group);
}

int finished(const fs::path& out, const std::vector<Json>& trials) {
  return static_cast<int>(std::ranges::count_if(trials, [&](const Json& trial) {
    return fs::exists(eval_folder(out, trial) / "done.json");
  }));
}

std::unique_ptr<FolderLock> hold(const fs::path& folder) {
  fs::create_directories(folder);
  return std::make_unique<FolderLock>(folder);
}

std::vector<Json> beside(const Json& held, std::vector<Json> trials) {
  std::erase_if(trials,
                [&](const Json& trial) { return trial.at("train_hash") == held.at("train_hash"); });
  return trials;
}

}  // namespace rankscope::tests
