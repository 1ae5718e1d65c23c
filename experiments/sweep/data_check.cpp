#include "experiments/sweep/data_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/text.h"
#include "datasets/task.h"

namespace rankscope {
namespace {

namespace fs = std::filesystem;

struct Range {
  fs::path file;  // with links resolved
  std::uint64_t begin = 0, end = 0;
};

Range range_of(const DataSource& source, const YamlValue& place) {
  return place.checked([&] {
    const fs::path file = file_of(source);
    std::error_code error;
    if (!fs::exists(file, error)) {
      throw InputError("there is no " + printable_path(file));
    }
    const std::uint64_t end = source.limit > 0 ? source.skip + source.limit : UINT64_MAX;
    return Range{fs::weakly_canonical(file, error), source.skip, end};
  });
}

bool overlap(const Range& a, const Range& b) {
  return a.file == b.file && a.begin < b.end && b.begin < a.end;
}

}  // namespace

void check_data(const SweepPlan& plan, Sweep& sweep) {
  for (const TaskPlan& task : plan.tasks) {
    bool trains = false, holds_out = false;
    for (const TrialConfig& trial : sweep.trials) {
      if (trial.task.name != task.config.name) continue;
      trains |= trial.method != "none";
      holds_out |= trial.tuning.has_value() || !trial.task.held_out.data.empty();
    }
    const Range score = range_of(task.config.score.data, task.score_place);
    if (!trains) continue;
    const Range train = range_of(task.config.train, task.train_place);
    if (overlap(train, score)) {
      sweep.notes.push_back(
          fmt::format("task '{}': scored examples are trained on", task.config.name));
    }
    if (!holds_out) continue;
    const Range held_out = range_of(task.config.held_out, task.tune_place);
    for (const auto& [other, what] : {std::pair{&score, "scored"}, {&train, "trained on"}}) {
      if (!overlap(held_out, *other)) continue;
      task.tune_place.fail(fmt::format(
          "examples that tune or choose must not be {}: both take {} from example {}", what,
          printable(held_out.file.native(), 300), std::max(held_out.begin, other->begin) + 1));
    }
  }
}

}  // namespace rankscope
