#include "experiments/sweep/data_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <span>

#include "common/files.h"
#include "common/text.h"
#include "datasets/readers/wikisql.h"
#include "datasets/task.h"
#include "engine/methods/method.h"
#include "engine/training/trainer.h"
#include "experiments/base_tokenizer.h"
#include "experiments/file_hashes.h"
#include "experiments/limits.h"
#include "experiments/task_examples.h"
#include "experiments/train_session.h"
#include "plots/format.h"

namespace rankscope {
namespace {

namespace fs = std::filesystem;

struct Range {
  fs::path file;  // with links resolved
  std::uint64_t begin = 0, end = 0;
};

// Every example has an answer, and one is left behind those that are skipped. Returns them all.
std::vector<Record> check_examples(const DataSource& source, const YamlValue& place) {
  return place.checked([&] {
    RecordSet set =
        read_records(find_task(source.task), file_of(source), {}, {.limit = read_limit(source)});
    if (set.records.size() <= source.skip)
      throw InputError(fmt::format("{} has {} usable examples, none is left behind the first {}",
                                   printable_path(file_of(source)), set.records.size(),
                                   source.skip));
    return std::move(set.records);
  });
}

// An example fits into the base, and the first have prompts: what a trial would refuse of all.
// Most data show it by their beginning; all of it is encoded only where that is too long.
void check_fits(const DataSource& source, const BaseTokenizer& tokenizer, const ModelConfig& base,
                const ScoreSettings* score, const YamlValue& place) {
  constexpr std::uint64_t kBeginning = 200;
  const auto read = [&](const DataSource& part) {
    read_task_examples(part, tokenizer, base, score ? score->decoding.max_new : 0, score == nullptr,
                       score != nullptr && !score->free_text);
  };
  place.checked([&] {
    DataSource beginning = source;
    beginning.limit = source.limit > 0 ? std::min(source.limit, kBeginning) : kBeginning;
    try {
      read(beginning);
    } catch (const InputError&) {
      read(source);
    }
  });
}

// What no scored example has would leave the task to be judged by another metric.
void check_metric(const TaskPlan& task, const std::vector<Record>& read) {
  const ScoreSettings& score = task.config.score;
  if (score.metric.empty()) return;
  const YamlValue place = *task.score_place.find("metric");
  const std::string file = printable_path(file_of(score.data));
  if (score.data.task == "wikisql" && score.metric == "execution" &&
      !read_wikisql(file_of(score.data), {}, {.limit = read_limit(score.data)}).tables.any_rows())
    place.fail("'execution' needs tables with their rows, and those of " + file + " have none");
  if (score.data.task != "own") return;
  const auto scored = std::span(read).subspan(score.data.skip);
  const bool picked = score.metric == "accuracy";
  if (std::ranges::any_of(scored,
                          [&](const Record& record) { return record.choices.empty() != picked; }))
    return;
  place.fail(picked ? "'accuracy' needs examples with 'choices', and " + file + " has none"
                    : fmt::format("'{}' needs examples without 'choices', and all of {} have "
                                  "them; these are scored by 'accuracy' alone",
                                  score.metric, file));
}

// The base with the context that is left beside the special tokens of the trial of this task that
// has most of them.
ModelConfig narrowest(const Sweep& sweep, const TaskPlan& task, const ModelConfig& base) {
  ModelConfig narrowest = base;
  for (const TrialConfig& trial : sweep.trials) {
    if (trial.task.name != task.config.name) continue;
    Settings settings(trial.settings);
    const ModelConfig beside =
        config_beside(base, make_method(trial.method, settings)->special_tokens());
    if (beside.context < narrowest.context) narrowest = beside;
  }
  return narrowest;
}

// Both ask of a text what the base cannot hold.
void check_lengths(const TaskPlan& task, const ModelConfig& base) {
  const auto refuse_over = [&](const std::optional<YamlValue>& value, std::int64_t most,
                               const std::string& why) {
    if (value && value->integer(1, kMostTokens) > most) value->fail(why);
  };
  const std::int64_t whole = base.context + base.context_taken;
  refuse_over(task.place.find("max_tokens"), whole,
              fmt::format("is more than the base's context of {} tokens", whole));
  const std::int64_t room = most_tokens(task.config.score.data, base);
  if (const auto score = task.place.find("score"))
    refuse_over(score->find("max_new"), room - 1,
                fmt::format("leaves no room for a prompt in {} tokens", room));
}

void check_end_token(const TaskPlan& task, const BaseTokenizer& tokenizer,
                     const ModelConfig& base) {
  const std::optional<YamlValue> given = task.place.find("end_token");
  if (!given) {
    if (base.eos_ids.empty())
      task.place.fail(
          "the base's config.json has no eos_token_id in its vocabulary; give 'end_token', the "
          "token that "
          "ended documents in its pretraining");
    return;
  }
  given->checked([&] { tokenizer.single_token(given->text()); });
}

// How many steps some epochs are follows from how many examples there are.
void check_epochs(const SweepPlan& plan, const Sweep& sweep, const TaskPlan& task,
                  const BaseTokenizer& tokenizer, const ModelConfig& whole_base) {
  std::map<std::int64_t, std::int64_t> examples;  // by the context that is left to them
  for (const TrialConfig& trial : sweep.trials) {
    if (trial.task.name != task.config.name || trial.epochs == 0) continue;
    Settings settings(trial.settings);
    const std::unique_ptr<Method> method = make_method(trial.method, settings);
    if (!method->heeds_steps()) continue;
    const ModelConfig base = config_beside(whole_base, method->special_tokens());
    const auto [found, is_new] = examples.try_emplace(base.context);
    if (is_new)
      found->second = task.train_place.checked([&] {
        return std::ssize(read_task_examples(task.config.train, tokenizer, base, 0, true).examples);
      });
    try {
      method->check_steps(
          steps_of_epochs(trial.epochs, found->second, TrainSettings::from(settings).batch));
    } catch (const SettingError& error) {
      const YamlValue& group = std::ranges::find(plan.groups, trial.group, &GroupPlan::name)->place;
      group.find(error.key()).value_or(group).fail(error.what());
    }
  }
}

Range range_of(const DataSource& source, const YamlValue& place) {
  return place.checked([&] {
    const fs::path file = file_of(source);
    if (!is_there(file))
      throw InputError("there is no " + printable_path(file) +
                       "; give as 'data' the folder of the splits, or one file: a path in the "
                       "sweep file begins at the file's folder");
    std::error_code error;
    const std::uint64_t end = source.limit > 0 ? source.skip + source.limit : UINT64_MAX;
    return Range{fs::weakly_canonical(file, error), source.skip, end};
  });
}

// A copy of a file under another name holds the same examples.
bool overlap(const Range& a, const Range& b, FileHashes& hashes) {
  return a.begin < b.end && b.begin < a.end && hashes.same_content(a.file, b.file);
}

}  // namespace

void check_data(const SweepPlan& plan, const ModelConfig& whole_base, Sweep& sweep) {
  FileHashes hashes;
  // Of a base without one every trial says so.
  std::optional<BaseTokenizer> tokenizer;
  if (has_tokenizer(plan.base)) tokenizer.emplace(plan.base, whole_base);
  for (const TaskPlan& task : plan.tasks) {
    const ModelConfig base = narrowest(sweep, task, whole_base);
    const auto check_texts = [&](const DataSource& source, const YamlValue& place,
                                 const ScoreSettings* score = nullptr) {
      std::vector<Record> records = check_examples(source, place);
      check_fits(source, *tokenizer, base, score, place);
      return records;
    };
    check_lengths(task, base);
    if (tokenizer) check_end_token(task, *tokenizer, base);
    const auto note_of_limit = [&](const DataSource& source, const char* what, std::size_t read) {
      const std::uint64_t found = read - std::min<std::uint64_t>(read, source.skip);
      if (source.limit == 0 || found >= source.limit) return;
      sweep.notes.push_back(fmt::format("task '{}': {} has {}, fewer than its limit of {}",
                                        task.config.name, what,
                                        counted(static_cast<std::int64_t>(found), "example"),
                                        grouped(static_cast<std::int64_t>(source.limit))));
    };
    bool trains = false, holds_out = false;
    for (const TrialConfig& trial : sweep.trials) {
      if (trial.task.name != task.config.name) continue;
      trains |= trial.method != "none";
      holds_out |= trial.tuning.has_value() || !trial.task.held_out.data.empty();
    }
    const Range score = range_of(task.config.score.data, task.score_place);
    if (tokenizer) {
      const ScoreSettings& settings = task.config.score;
      const std::vector<Record> scored = check_texts(settings.data, task.score_place, &settings);
      check_metric(task, scored);
      note_of_limit(settings.data, "score", scored.size());
    }
    if (!trains) continue;
    const Range train = range_of(task.config.train, task.train_place);
    if (tokenizer) {
      note_of_limit(task.config.train, "train",
                    check_texts(task.config.train, task.train_place).size());
      check_epochs(plan, sweep, task, *tokenizer, whole_base);
    }
    if (overlap(train, score, hashes)) {
      sweep.notes.push_back(
          fmt::format("task '{}': scored examples are trained on", task.config.name));
    }
    if (!holds_out) continue;
    const Range held_out = range_of(task.config.held_out, task.tune_place);
    if (tokenizer) check_texts(task.config.held_out, task.tune_place);
    for (const auto& [other, what] : {std::pair{&score, "scored"}, {&train, "trained on"}}) {
      if (!overlap(held_out, *other, hashes)) continue;
      std::string file = printable_path(held_out.file);
      if (held_out.file != other->file)
        file += ", of which " + printable_path(other->file) + " is a copy,";
      task.tune_place.fail(
          fmt::format("examples that tune or choose must not be {}: both take {} from example {}",
                      what, file, std::max(held_out.begin, other->begin) + 1));
    }
  }
}

}  // namespace rankscope
