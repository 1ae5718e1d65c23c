#include "experiments/sweep/sweep_tasks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "common/text.h"
#include "experiments/chosen_template.h"
#include "experiments/limits.h"
#include "experiments/sweep/sweep_keys.h"

namespace rankscope {
namespace {

namespace fs = std::filesystem;

class TaskReader {
 public:
  TaskReader(const fs::path& file, std::int64_t tuning_examples)
      : file_(file), tuning_examples_(tuning_examples) {}

  TaskPlan read_task(const YamlValue& value) const {
    if (value.is_null()) value.fail("has no value; give its 'data'");
    refuse_unknown_keys(value, sweep_keys("task"));
    const auto section = [&](const char* key) {
      const std::optional<YamlValue> found = value.find(key);
      if (found) refuse_unknown_keys(*found, sweep_keys(key));
      return found;
    };
    const std::optional<YamlValue> train = section("train"), score = section("score"),
                                   tune = section("tune");
    TaskPlan task(value);
    if (train) task.train_place = *train;
    if (score) task.score_place = *score;
    if (tune) task.tune_place = *tune;
    TaskConfig& config = task.config;
    config.name = value.key();
    value.check_name(config.name);
    DataSource common = read_common(value, config.name);
    config.train = common;
    if (train) read_source(*train, config.train);
    config.score.data = common;
    config.score.data.split = find_task(common.task).scored_split;
    read_score(score, config.score);
    read_held_out(task, tune);
    for (const auto& [source, place] :
         {std::pair{&config.train, &task.train_place}, {&config.score.data, &task.score_place}}) {
      if (source->data.empty()) {
        place->fail("'data' is missing: the folder of the task's splits, or one file");
      }
    }
    return task;
  }

 private:
  DataSource read_common(const YamlValue& value, const std::string& name) const {
    DataSource source;
    const std::optional<YamlValue> task = value.find("task");
    source.task = task ? task->text() : name;
    const YamlValue& task_place = task ? *task : value;
    const Task& known = task_place.checked([&]() -> const Task& { return find_task(source.task); });
    if (const auto data = value.find("data")) source.data = data->file_path(file_);
    if (const auto most = value.find("max_tokens")) {
      source.max_tokens = most->integer(1, kMostTokens);
    }
    if (const auto end = value.find("end_token")) source.end_token = end->text();
    if (const auto form = value.find("template")) {
      refuse_unknown_keys(*form, sweep_keys("template"));
      for (const YamlValue& item : form->entries()) {
        const std::string text =
            item.key() == "prompt" || item.key() == "target" ? item.text() : item.setting("", ',');
        source.template_keys.push_back(item.key() + "=" + text);
      }
      form->checked([&] {
        CompiledTemplate(known, chosen_template(known, source.template_keys, "template"));
      });
    }
    return source;
  }

  void read_source(const YamlValue& value, DataSource& source) const {
    if (const auto data = value.find("data")) source.data = data->file_path(file_);
    if (const auto split = value.find("split")) source.split = split->text();
    if (const auto skip = value.find("skip")) {
      source.skip = static_cast<std::uint64_t>(skip->integer(0, kMostExamples));
    }
    if (const auto limit = value.find("limit")) {
      source.limit = static_cast<std::uint64_t>(limit->integer(0, kMostExamples));
    }
  }

  void read_score(const std::optional<YamlValue>& value, ScoreSettings& score) const {
    DecodingSettings& decoding = score.decoding;
    decoding.max_new = find_task(score.data.task).longest_answer;
    if (!value) return;
    read_source(*value, score.data);
    const auto integer = [&](const char* key, std::int64_t& into, std::int64_t low,
                             std::int64_t high) {
      if (const auto found = value->find(key)) into = found->integer(low, high);
    };
    integer("max_new", decoding.max_new, 1, kMostTokens);
    integer("min_new", decoding.min_new, 0, kMostTokens);
    integer("beams", decoding.beams, 1, 1000);
    integer("no_repeat_ngram", decoding.no_repeat_ngram, 0, 1 << 20);
    if (const auto found = value->find("length_penalty")) {
      decoding.length_penalty = found->number(-kLargestLengthPenalty, kLargestLengthPenalty);
    }
    if (const auto found = value->find("merged")) score.merged = found->flag();
    if (const auto found = value->find("metric")) {
      score.metric = found->text();
      const auto known = find_task(score.data.task).metrics;
      if (std::ranges::find(known, score.metric) == known.end())
        found->fail(fmt::format("'{}' is no metric of {}; there are {}", printable(score.metric),
                                score.data.task, fmt::join(known, ", ")));
    }
    if (const auto found = value->find("free_text")) score.free_text = found->flag();
    if (decoding.min_new > decoding.max_new) value->fail("'min_new' is more than 'max_new'");
  }

  void read_held_out(TaskPlan& task, const std::optional<YamlValue>& tune) const {
    const DataSource& train = task.config.train;
    DataSource& held_out = task.config.held_out;
    held_out = train;
    held_out.skip = 0;
    held_out.limit = static_cast<std::uint64_t>(tuning_examples_);
    if (tune) read_source(*tune, held_out);
    const bool same = held_out.data == train.data && held_out.split == train.split;
    if (!same || (tune && tune->find("skip"))) return;
    held_out.skip = train.skip + train.limit;
    task.no_tail = train.limit == 0;
  }

  const fs::path& file_;
  std::int64_t tuning_examples_;
};

}  // namespace

std::vector<TaskPlan> read_tasks(const YamlValue& root, const fs::path& file,
                                 std::int64_t tuning_examples) {
  const std::optional<YamlValue> tasks = root.find("tasks");
  if (!tasks) {
    root.fail("'tasks' is missing: what is trained and scored, as {wikisql: {data: DIR}}");
  }
  TaskReader reader(file, tuning_examples);
  std::vector<TaskPlan> plans;
  for (const YamlValue& value : tasks->entries()) plans.push_back(reader.read_task(value));
  if (plans.empty()) tasks->fail("there is no task");
  return plans;
}

}  // namespace rankscope
