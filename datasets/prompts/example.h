// Records become examples: texts by a template, then tokens within a limit.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/prompts/template.h"
#include "datasets/readers/record.h"

namespace rankscope {

struct Example {
  std::string id;
  std::string prompt;
  std::string target;                   // without an end token
  bool has_target = true;               // false: `target` is empty, the file gives no answer
  std::vector<std::string> references;  // what a scorer compares with
  // The targets of all choices, gold's equal to `target`; empty where the answer is free.
  std::vector<std::string> choices;
  int gold = -1;  // index into choices
};

// Untruncated texts.
Example make_example(const CompiledTemplate& form, const Record& record);

// Where a text stands in its sequence. What a tokenizer puts before a text, a token or a space, it
// puts before the prompt, and nothing before what continues it.
enum class Part { kPrompt, kContinuation };
using Encode = std::function<std::vector<std::int32_t>(std::string_view text, Part part)>;

struct EncodeLimits {
  // Of the prompt and what stands behind it; at most the model's context.
  std::size_t max_tokens = 0;
  // Room behind the prompt for what will be generated; 0: for the target and the longest choice.
  std::size_t reserved_tokens = 0;
  // Put behind every target and choice: the token that ended documents when the base was trained. A
  // frozen head cannot learn another one.
  std::int32_t end_token = 0;
};

// The tokens of an example. Where text is generated prompt + reserved_tokens is at most max_tokens,
// whatever the target's length; elsewhere prompt + target and prompt + each choice are.
struct EncodedExample {
  std::string id;
  std::vector<std::int32_t> prompt;
  std::vector<std::int32_t> target;  // ends with the end token; empty where there is none
  std::vector<std::vector<std::int32_t>> choices;  // each ends with the end token
  int gold = -1;
  std::size_t dropped_tokens = 0;  // how many tokens the prompt had more before it was cut
};

struct EncodeReport {
  std::uint64_t examples = 0;
  std::uint64_t truncated = 0;            // whose prompt was cut
  std::uint64_t dropped_tokens = 0;       // in all
  std::uint64_t too_long = 0;             // left out: no cut makes them fit
  std::vector<std::string> too_long_ids;  // the first few
};

// Never cuts a target. Where the whole does not fit, the fields that the template names give way,
// each by the least number of its units that is enough, found with a logarithmic number of calls of
// `encode`: the cut prompt's tokens are those of its own text. Nothing where no cut is enough.
// Counts into `report`. InputError where the target's own tokens or a choice's hold the end token.
std::optional<EncodedExample> encode_example(const CompiledTemplate& form, const Record& record,
                                             const Encode& encode, const EncodeLimits& limits,
                                             EncodeReport& report);

}  // namespace rankscope
