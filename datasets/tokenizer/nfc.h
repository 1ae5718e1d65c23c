// Unicode normalisation form C.
#pragma once

#include <string>
#include <string_view>

namespace rankscope::tokenizer {

// NFC (UAX #15) of well-formed UTF-8, by the Unicode version that Hugging Face tokenizers carries.
std::string nfc(std::string_view text);

}  // namespace rankscope::tokenizer
