// The byte alphabet of GPT-2's encoder.py (bytes_to_unicode): every byte is written as a printable
// character, so that byte-level vocabularies can stand in a text file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rankscope::tokenizer {

// The character that stands for `byte`; below U+0144.
char32_t byte_to_char(uint8_t byte);
std::optional<uint8_t> char_to_byte(char32_t character);

// Bytes written in the alphabet, as UTF-8.
std::string write_bytes(std::string_view bytes);
// The bytes that a token stands for; none where a character is not of the alphabet. `token` is
// well-formed UTF-8.
std::optional<std::string> read_bytes(std::string_view token);

}  // namespace rankscope::tokenizer
