#include "datasets/tokenizer/byte_alphabet.h"

#include <array>

#include "common/utf8.h"

namespace rankscope::tokenizer {
namespace {

constexpr char32_t kEnd = 0x144;

struct Alphabet {
  constexpr Alphabet() {
    bytes.fill(-1);
    char32_t next = 0x100;
    for (unsigned b = 0; b < 256; ++b) {
      const bool printable =
          (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || (b >= 0xae && b <= 0xff);
      chars[b] = printable ? static_cast<char32_t>(b) : next++;
      bytes[chars[b]] = static_cast<int16_t>(b);
    }
  }
  std::array<char32_t, 256> chars{};
  std::array<int16_t, kEnd> bytes{};
};
constexpr Alphabet kAlphabet;

}  // namespace

char32_t byte_to_char(uint8_t byte) { return kAlphabet.chars[byte]; }

std::optional<uint8_t> char_to_byte(char32_t character) {
  if (character >= kEnd || kAlphabet.bytes[character] < 0) return std::nullopt;
  return static_cast<uint8_t>(kAlphabet.bytes[character]);
}

std::string write_bytes(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) append_utf8(text, byte_to_char(static_cast<uint8_t>(byte)));
  return text;
}

std::optional<std::string> read_bytes(std::string_view token) {
  std::string bytes;
  while (!token.empty()) {
    const CodePoint c = first_code_point(token);
    const std::optional<uint8_t> byte = char_to_byte(c.value);
    if (!byte) return std::nullopt;
    bytes.push_back(static_cast<char>(*byte));
    token.remove_prefix(c.bytes);
  }
  return bytes;
}

}  // namespace rankscope::tokenizer
