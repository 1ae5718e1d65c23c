// The splitting patterns of byte-level tokenizers, as hand-written scanners: the words that BPE
// then works on. Each equals the regular expression it is named after, as Oniguruma runs it with
// Unicode classes; a pattern that is not in the list is refused.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace rankscope::tokenizer {

enum class SplitPattern {
  kGpt2,    // ByteLevel's own, from GPT-2's encoder.py
  kLlama3,  // contractions in either case, up to three digits, punctuation takes its line ends
  kQwen2,   // the same with single digits
};

// The regular expression, as tokenizer.json spells it.
std::string_view pattern_text(SplitPattern pattern);
std::optional<SplitPattern> find_pattern(std::string_view regular_expression);
// gpt2, llama3, qwen2.
std::optional<SplitPattern> find_pattern_name(std::string_view name);

// The end of the piece that begins at `begin` < text.size(). `text` is well-formed UTF-8 and
// `begin` a character's start. A piece is never empty, and the pieces cover the text.
size_t piece_end(SplitPattern pattern, std::string_view text, size_t begin);

}  // namespace rankscope::tokenizer
