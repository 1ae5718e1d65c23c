// Prompts to be continued: lines of {"id", "prompt" or "prompt_ids", "choices"}, or a task's data.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/json.h"
#include "engine/models/config.h"
#include "experiments/base_tokenizer.h"

namespace rankscope {

struct Prompt {
  std::string id;
  Json written_id;  // as the file has it: a text or a number
  std::vector<std::int32_t> ids;
  // Where not empty, the answer is the likeliest of these.
  std::vector<std::string> choice_texts;
  std::vector<std::vector<std::int32_t>> choices;  // their tokens, with the end token
};

struct PromptLimits {
  std::int64_t max_new = 0;                    // room behind a prompt
  std::int64_t max_prompt = 0;                 // longer prompts keep their first tokens; 0: no cut
  bool rank = true;                            // false: choices are passed over
  std::optional<std::int32_t> end_token = {};  // behind every choice; none: choices are refused
};

// Reads the whole file. A missing id is FILE:LINE; other fields are passed over. `tokenizer` may be
// null: then texts are refused. InputError by file, line and field: ids outside the vocabulary, an
// id given twice, an empty prompt, one that with what follows is longer than the model's context.
std::vector<Prompt> read_prompt_file(const std::filesystem::path& file,
                                     const BaseTokenizer* tokenizer, const ModelConfig& config,
                                     const PromptLimits& limits);

// The same of texts of the command line, with their numbers from 1 on as ids. InputError that names
// --prompt.
std::vector<Prompt> prompts_of_texts(const std::vector<std::string>& texts,
                                     const BaseTokenizer* tokenizer, const ModelConfig& config,
                                     const PromptLimits& limits);

}  // namespace rankscope
