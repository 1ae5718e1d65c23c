// What lies beside GPT-2's vocab.json and merges.txt, which alone are read.
#pragma once

#include <filesystem>
#include <string_view>

namespace rankscope::tokenizer {

inline constexpr std::string_view kEndOfText = "<|endoftext|>";

// InputError where another file of the folder says that a text has other ids than GPT-2's tokenizer
// gives it: another kind of tokenizer, tokens or a space before or behind every text, special
// tokens beside kEndOfText.
void require_gpt2_settings(const std::filesystem::path& folder);

}  // namespace rankscope::tokenizer
