// A task's data as tokens for one base: text in, EncodedExamples out, with an account of both
// steps.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "datasets/prompts/example.h"
#include "datasets/task.h"
#include "experiments/base_tokenizer.h"
#include "experiments/prompt_file.h"

namespace rankscope {

// What the command line or a sweep file says about a task's data.
struct DataSource {
  std::string task;                        // a name of tasks()
  std::filesystem::path data;              // a folder of splits, or one file
  std::string split = "train";             // of a folder
  std::uint64_t limit = 0;                 // the first so many examples behind `skip`; 0: all
  std::uint64_t skip = 0;                  // so many examples at the beginning are left out
  std::vector<std::string> template_keys;  // KEY=VALUE
  std::int64_t max_tokens = 0;             // of prompt and target; 0: as many as fit
  std::string end_token;                   // a token or id; empty: config.json's
  // Targets are dealt out anew among the examples by this seed: the control for what training on
  // the same texts gives where there is nothing to learn.
  std::optional<std::uint64_t> shuffle_targets;
};

// The file that a source reads: its data, or the split of it in the folder that its data is.
std::filesystem::path file_of(const DataSource& source);
// How many examples of that file are read, those counted that `skip` leaves out; 0: all.
std::uint64_t read_limit(const DataSource& source);

// Of a prompt and its target: max_tokens, or the context where a method's special tokens leave less
// of it. InputError where it is more than the context that the model has without them.
std::int64_t most_tokens(const DataSource& source, const ModelConfig& config);

struct TaskExamples {
  const Task* task = nullptr;
  std::filesystem::path file;
  std::vector<EncodedExample> examples;
  std::vector<std::vector<std::string>> choice_texts;  // of each example, as its choices
  ReadReport read;
  EncodeReport encoded;
};

// `reserved_tokens`: as EncodeLimits'; with `rank` 0 for a prompt that has choices, of which one
// will be picked. Without `need_targets` files without answers are read too. InputError where no
// example is left.
TaskExamples read_task_examples(const DataSource& source, const BaseTokenizer& tokenizer,
                                const ModelConfig& config, std::int64_t reserved_tokens,
                                bool need_targets, bool rank = false);

// The prompts that are predicted; with `rank`, those with choices are ranked.
std::vector<Prompt> task_prompts(TaskExamples examples, bool rank);

// Both accounts: report_json's keys, and `examples`, `prompts_cut`, `tokens_cut`, `left_out`.
OrderedJson account_of(const TaskExamples& examples);
// Both accounts for people, on standard error.
void log_reports(const TaskExamples& examples);

}  // namespace rankscope
