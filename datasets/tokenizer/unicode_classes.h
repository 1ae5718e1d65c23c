// The character classes of the split patterns and of added tokens.
#pragma once

#include <cstdint>

namespace rankscope::tokenizer {

// \p{L}, \p{N}, \s and what is none of them; the three do not overlap.
enum class CharClass : uint8_t { kOther, kLetter, kNumber, kSpace };

// Equal to what Hugging Face tokenizers' regular expressions say of each code point, which may be
// of another Unicode version than the system's.
CharClass char_class(char32_t code_point);

// \w of the same.
bool is_word_char(char32_t code_point);

}  // namespace rankscope::tokenizer
