// The tasks: what each reads, which fields its templates may name, and how it is scored. A new task
// is a reader, a default template and one line of the table in task.cpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "datasets/prompts/template.h"
#include "datasets/readers/record.h"
#include "datasets/readers/source_text.h"

namespace rankscope {

struct Task {
  std::string_view name;
  // What {fields} in a template stand for, in the order of Record::fields.
  std::span<const std::string_view> fields;
  // The fields that hold the answer, the last of `fields` on: a prompt may not name them.
  std::size_t first_answer_field;
  // The names of Record::gold for which the template has verbalisers; empty for other tasks.
  std::span<const std::string_view> labels;
  // Where a split lies in a data folder, "{}" standing for its name; the first that exists is read.
  std::span<const std::string_view> file_names;
  // The metrics that can be asked for, the default first (metrics/ computes them).
  std::span<const std::string_view> metrics;
  // `tables` is WikiSQL's *.tables.jsonl; empty means the file beside. Other tasks do not look at
  // it.
  RecordSet (*read)(const SourceText& source, const std::filesystem::path& tables,
                    const ReadOptions& options);
  PromptTemplate (*default_template)();
  // The keys that tell an entry of its files from a line of references, where `score` takes both.
  std::span<const std::string_view> entry_keys = {};
  // The split that is scored where a sweep names none.
  std::string_view scored_split = "dev";
  // The file beside `file` that its examples are read with; null where there is none.
  std::filesystem::path (*file_beside)(const std::filesystem::path& file) = nullptr;
  // New tokens that an answer may have where a sweep says nothing.
  std::int64_t longest_answer = 64;
  // Tokens of a usual prompt and target of the published set, where the data was not looked into.
  double usual_prompt = 65, usual_target = 25;
};

std::span<const Task> tasks();

// InputError that lists the tasks where there is none of the name.
const Task& find_task(std::string_view name);

// The file of a split: DIR/train.jsonl for "train". InputError that lists the names looked for
// where none exists. "dev", "val" and "validation" are one split.
std::filesystem::path find_split(const Task& task, const std::filesystem::path& folder,
                                 const std::string& split);

// task.read, but a file of which no example remains is an InputError.
RecordSet read_records(const Task& task, const std::filesystem::path& file,
                       const std::filesystem::path& tables = {}, const ReadOptions& options = {});

}  // namespace rankscope
