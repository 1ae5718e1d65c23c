#include "results/seen_examples.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>

#include "results/cells.h"

namespace rankscope {

namespace {

// Which examples of a file.
struct Read {
  std::string hash;
  std::int64_t skip = 0, limit = 0;  // limit 0: to the end
  bool begins_before_end_of(const Read& other) const {
    return other.limit == 0 || skip < other.skip + other.limit;
  }
  bool overlaps(const Read& other) const {
    return !hash.empty() && hash == other.hash && begins_before_end_of(other) &&
           other.begins_before_end_of(*this);
  }
};

struct TrialReads {
  std::map<std::string, Read> of;  // by use: "train", "tuning.score", ...
  bool keeps_best = false;
};

}  // namespace

std::vector<SeenTask> seen_tasks(ResultsReader& results) {
  using SweepTaskTrial = std::array<std::string, 3>;
  std::map<SweepTaskTrial, TrialReads> trials;
  for (const Row& row : results.rows(
           "SELECT t.sweep, t.task, t.trial, c.key, c.value, c.number FROM config c JOIN trials t "
           "ON t.sweep = c.sweep AND t.trial = c.trial WHERE t.role = 'scored' AND c.key IN ("
           "'score.file', 'score.skip', 'score.limit', 'train.file', 'train.skip', 'train.limit', "
           "'tuning.train.file', 'tuning.train.skip', 'tuning.train.limit', 'tuning.score.file', "
           "'tuning.score.skip', 'tuning.score.limit', 'held_out.file', 'held_out.skip', "
           "'held_out.limit', 'keep')")) {
    TrialReads& trial = trials[{text_in(row[0]), text_in(row[1]), text_in(row[2])}];
    const std::string key = text_in(row[3]);
    if (key == "keep") {
      trial.keeps_best = text_in(row[4]) == "best";
      continue;
    }
    Read& read = trial.of[key.substr(0, key.rfind('.'))];
    const auto number = static_cast<std::int64_t>(number_in(row[5]).value_or(0));
    if (key.ends_with(".skip")) read.skip = number;
    if (key.ends_with(".limit")) read.limit = number;
    if (!key.ends_with(".file")) continue;
    const std::vector<std::string> hashes = hashes_in(text_in(row[4]));
    if (!hashes.empty()) read.hash = hashes.front();
  }
  std::vector<SeenTask> tasks;
  for (auto& [name, trial] : trials) {
    const auto& [sweep, task, id] = name;
    const auto saw = [&, &reads = trial.of](const char* use) {
      return reads[use].overlaps(reads["score"]);
    };
    const bool trained = saw("train");
    const bool chosen =
        saw("tuning.train") || saw("tuning.score") || (trial.keeps_best && saw("held_out"));
    if (!trained && !chosen) continue;
    if (tasks.empty() || tasks.back().sweep != sweep || tasks.back().task != task)
      tasks.push_back({.sweep = sweep, .task = task});
    tasks.back().trained |= trained;
    tasks.back().chosen |= chosen;
  }
  return tasks;
}

std::vector<std::string> hashes_in(const std::string& read) {
  std::vector<std::string> hashes;
  if (read.empty()) return hashes;
  // A stem may have any sign, a hash none but hex digits.
  for (std::size_t begin = read.rfind(':') + 1; begin <= read.size();) {
    const std::size_t end = std::min(read.find('+', begin), read.size());
    hashes.push_back(read.substr(begin, end - begin));
    begin = end + 1;
  }
  return hashes;
}

}  // namespace rankscope
