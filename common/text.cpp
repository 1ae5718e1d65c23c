#include "common/text.h"

#include <cstdint>

namespace rankscope {
namespace {

// Bytes of the UTF-8 character at the start of `text`, 0 where there is none (RFC 3629, section 4).
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  std::size_t length = 0;
  std::uint8_t second_low = 0x80;
  std::uint8_t second_high = 0xbf;
  if (lead >= 0xc2 && lead <= 0xdf) {
    length = 2;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    length = 3;
    if (lead == 0xe0) second_low = 0xa0;   // overlong
    if (lead == 0xed) second_high = 0x9f;  // surrogates
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    length = 4;
    if (lead == 0xf0) second_low = 0x90;   // overlong
    if (lead == 0xf4) second_high = 0x8f;  // above U+10FFFF
  } else {
    return 0;
  }
  if (text.size() < length || byte(1) < second_low || byte(1) > second_high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

}  // namespace

bool valid_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string printable(std::string_view text, std::size_t max_bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string shown;
  while (!text.empty()) {
    std::size_t length = character_length(text);
    std::string piece;
    const auto byte = static_cast<std::uint8_t>(text[0]);
    if (text[0] == '\n') {
      piece = "\\n";
    } else if (text[0] == '\t') {
      piece = "\\t";
    } else if (length == 0 || byte < 0x20 || byte == 0x7f) {
      length = 1;
      piece = {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    } else {
      piece = text.substr(0, length);
      // C1 controls (U+0080 to U+009F) can steer a terminal too.
      if (length == 2 && byte == 0xc2 && static_cast<std::uint8_t>(text[1]) < 0xa0) {
        const auto second = static_cast<std::uint8_t>(text[1]);
        piece = {'\\', 'x', kDigits[second >> 4], kDigits[second & 15]};
      }
    }
    if (shown.size() + piece.size() > max_bytes) return shown + "...";
    shown += piece;
    text.remove_prefix(length);
  }
  return shown;
}

}  // namespace rankscope
