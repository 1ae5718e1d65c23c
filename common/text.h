// Text from outside: is it UTF-8, and how is it, or a list of it, shown inside a one-line message.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace rankscope {

// Well-formed UTF-8 (common/utf8.h).
bool valid_utf8(std::string_view text);

// `text` for a message: control characters become \n, \t or \xNN, and so does every byte that is
// not part of well-formed UTF-8. Longer texts are cut at a character and end in "...".
std::string printable(std::string_view text, std::size_t max_bytes = 120);

// A path for a message: as printable(), cut later than other texts.
std::string printable_path(const std::filesystem::path& path);

// `text` without the ASCII white space around it.
std::string_view trimmed(std::string_view text);

// A list for a sentence: of more than five entries the first four and "N more", followed by `noun`
// (" settings").
std::vector<std::string> shortened(std::vector<std::string> entries, std::string_view noun = {});

// "a, b and c".
std::string listed(const std::vector<std::string>& entries);

// An ASCII capital as its small letter, any other byte as it is.
constexpr char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace rankscope
