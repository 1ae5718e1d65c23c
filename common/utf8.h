// UTF-8: walking what is valid, finding and repairing what is not.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace rankscope {

struct CodePoint {
  char32_t value = 0;
  uint32_t bytes = 0;  // 1 to 4
};

// The character at the start of `text`, which must not be empty and must be well-formed.
inline CodePoint first_code_point(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const auto tail = [&](size_t i) { return static_cast<char32_t>(byte(i) & 0x3f); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xe0) return {static_cast<char32_t>(lead & 0x1f) << 6 | tail(1), 2};
  if (lead < 0xf0) return {static_cast<char32_t>(lead & 0x0f) << 12 | tail(1) << 6 | tail(2), 3};
  return {static_cast<char32_t>(lead & 0x07) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3), 4};
}

// The character before the end of `text`, under the same conditions.
CodePoint last_code_point(std::string_view text);

void append_utf8(std::string& text, char32_t code_point);

// Bytes of the well-formed character at the start of `text`, which must not be empty; 0 where there
// is none (RFC 3629, section 4: no overlong forms, no surrogates, nothing above U+10FFFF).
size_t character_bytes(std::string_view text);

// Where well-formedness ends: the length of the longest well-formed prefix.
size_t valid_prefix(std::string_view text);

// `text` with U+FFFD for each maximal part of an ill-formed sequence (Unicode 15, section 3.9,
// table 3-8), which is what Python's errors="replace" and Rust's from_utf8_lossy do.
std::string repair_utf8(std::string_view text);

}  // namespace rankscope
