#include "datasets/task.h"

#include <fmt/format.h>

#include <array>
#include <vector>

#include "common/error.h"
#include "common/files.h"
#include "common/suggest.h"
#include "common/text.h"
#include "datasets/prompts/defaults.h"
#include "datasets/readers/mnli.h"
#include "datasets/readers/own.h"
#include "datasets/readers/samsum.h"
#include "datasets/readers/wikisql.h"

namespace rankscope {
namespace {

using Names = std::string_view;
using Path = std::filesystem::path;

constexpr std::array<Names, 3> kWikisqlFields = {"columns", "question", "sql"};
constexpr std::array<Names, 4> kMnliFields = {"premise", "hypothesis", "genre", "label"};
constexpr std::array<Names, 2> kSamsumFields = {"dialogue", "summary"};
constexpr std::array<Names, 2> kOwnFields = {"prompt", "target"};

constexpr std::array<Names, 2> kMnliKeys = {"sentence1", "gold_label"};
constexpr std::array<Names, 2> kSamsumKeys = {"dialogue", "summary"};

constexpr std::array<Names, 1> kWikisqlFiles = {"{}.jsonl"};
// GLUE's name, the reduced form's, the original release's.
constexpr std::array<Names, 3> kMnliFiles = {"{}.tsv", "{}.jsonl", "multinli_1.0_{}.jsonl"};
constexpr std::array<Names, 2> kSamsumFiles = {"{}.json", "{}.jsonl"};
constexpr std::array<Names, 2> kOwnFiles = {"{}.jsonl", "{}.json"};

constexpr std::array<Names, 3> kWikisqlMetrics = {"logical_form", "execution", "exact"};
constexpr std::array<Names, 1> kMnliMetrics = {"accuracy"};
constexpr std::array<Names, 4> kSamsumMetrics = {"rouge1", "rouge2", "rougeL", "rougeLsum"};
constexpr std::array<Names, 6> kOwnMetrics = {"exact",  "accuracy", "rouge1",
                                              "rouge2", "rougeL",   "rougeLsum"};

RecordSet wikisql(const SourceText& source, const Path& tables, const ReadOptions& options) {
  // Prompts need no rows.
  return read_wikisql(source, tables, options, /*with_rows=*/false).set;
}
RecordSet mnli(const SourceText& source, const Path&, const ReadOptions& options) {
  return read_mnli(source, options);
}
RecordSet samsum(const SourceText& source, const Path&, const ReadOptions& options) {
  return read_samsum(source, options);
}
RecordSet own(const SourceText& source, const Path&, const ReadOptions& options) {
  return read_own(source, options);
}

const std::array<Task, 4> kTasks = {
    {{.name = "wikisql",
      .fields = kWikisqlFields,
      .first_answer_field = 2,
      .labels = {},
      .file_names = kWikisqlFiles,
      .metrics = kWikisqlMetrics,
      .read = wikisql,
      .default_template = wikisql_template,
      .file_beside = wikisql_tables_beside},
     // The releases have two development sets; the paper's MNLI-m is the matched one.
     {.name = "mnli",
      .fields = kMnliFields,
      .first_answer_field = 3,
      .labels = kMnliLabels,
      .file_names = kMnliFiles,
      .metrics = kMnliMetrics,
      .read = mnli,
      .default_template = mnli_template,
      .entry_keys = kMnliKeys,
      .scored_split = "dev_matched",
      .usual_prompt = 58,
      .usual_target = 2},
     {.name = "samsum",
      .fields = kSamsumFields,
      .first_answer_field = 1,
      .labels = {},
      .file_names = kSamsumFiles,
      .metrics = kSamsumMetrics,
      .read = samsum,
      .default_template = samsum_template,
      .entry_keys = kSamsumKeys,
      .longest_answer = 100,
      .usual_prompt = 190,
      .usual_target = 30},
     {.name = "own",
      .fields = kOwnFields,
      .first_answer_field = 1,
      .labels = {},
      .file_names = kOwnFiles,
      .metrics = kOwnMetrics,
      .read = own,
      .default_template = own_template}}};

}  // namespace

std::span<const Task> tasks() { return kTasks; }

const Task& find_task(std::string_view name) {
  std::vector<std::string> names;
  for (const Task& task : kTasks) {
    if (task.name == name) return task;
    names.emplace_back(task.name);
  }
  throw InputError(fmt::format("task '{}' is not known; there are {}{}", printable(name),
                               fmt::join(names, ", "), did_you_mean(name, names)));
}

std::filesystem::path find_split(const Task& task, const std::filesystem::path& folder,
                                 const std::string& split) {
  std::vector<std::string> spellings = {split};
  for (const char* same : {"dev", "val", "validation"}) {
    if (split == "dev" || split == "val" || split == "validation") {
      if (split != same) spellings.emplace_back(same);
    }
  }
  std::vector<std::string> looked_for;
  for (const std::string& spelling : spellings) {
    for (const std::string_view pattern : task.file_names) {
      std::string name(pattern);
      name.replace(name.find("{}"), 2, spelling);
      if (is_there(folder / name)) return folder / name;
      looked_for.push_back(printable(name));
    }
  }
  throw InputError(fmt::format("no split '{}' of {} in {}; looked for {}", printable(split),
                               task.name, printable_path(folder), fmt::join(looked_for, ", ")));
}

RecordSet read_records(const Task& task, const std::filesystem::path& file,
                       const std::filesystem::path& tables, const ReadOptions& options) {
  RecordSet set = task.read(SourceText(file), tables, options);
  if (set.records.empty()) {
    throw InputError(printable_path(file) + ": no example to use; " + report_text(set.report));
  }
  return set;
}

}  // namespace rankscope
