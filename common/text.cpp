#include "common/text.h"

#include <cstdint>

#include "common/utf8.h"

namespace rankscope {

bool valid_utf8(std::string_view text) { return valid_prefix(text) == text.size(); }

std::string printable(std::string_view text, std::size_t max_bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string shown;
  while (!text.empty()) {
    std::size_t length = character_bytes(text);
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

std::string printable_path(const std::filesystem::path& path) {
  return printable(path.native(), 300);
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\n\v\f\r";
  const std::size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpaces) + 1 - begin);
}

std::vector<std::string> shortened(std::vector<std::string> entries, std::string_view noun) {
  constexpr std::size_t kShown = 4;
  if (entries.size() <= kShown + 1) return entries;
  const std::size_t more = entries.size() - kShown;
  entries.resize(kShown);
  entries.push_back(std::to_string(more) + " more" + std::string(noun));
  return entries;
}

std::string listed(const std::vector<std::string>& entries) {
  std::string text;
  for (std::size_t i = 0; i < entries.size(); ++i)
    text += (i == 0 ? "" : i + 1 == entries.size() ? " and " : ", ") + entries[i];
  return text;
}

}  // namespace rankscope
