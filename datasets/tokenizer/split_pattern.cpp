#include "datasets/tokenizer/split_pattern.h"

#include <array>

#include "common/utf8.h"
#include "datasets/tokenizer/unicode_classes.h"

namespace rankscope::tokenizer {
namespace {

constexpr std::string_view kGpt2Text =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3Text =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2Text =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr std::array<CharClass, 128> ascii_classes() {
  std::array<CharClass, 128> classes{};
  for (unsigned c = 0; c < 128; ++c) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) classes[c] = CharClass::kLetter;
    if (c >= '0' && c <= '9') classes[c] = CharClass::kNumber;
    if ((c >= 9 && c <= 13) || c == ' ') classes[c] = CharClass::kSpace;
  }
  return classes;
}
constexpr std::array<CharClass, 128> kAscii = ascii_classes();

struct Scanned {
  CharClass kind;
  size_t bytes;
};

inline Scanned scan(std::string_view text, size_t at) {
  const auto byte = static_cast<uint8_t>(text[at]);
  if (byte < 0x80) [[likely]]
    return {kAscii[byte], 1};
  const CodePoint c = first_code_point(text.substr(at));
  return {char_class(c.value), c.bytes};
}

inline size_t run_end(std::string_view text, size_t at, CharClass kind) {
  while (at < text.size()) {
    const Scanned next = scan(text, at);
    if (next.kind != kind) break;
    at += next.bytes;
  }
  return at;
}

inline bool is_line_end(char c) { return c == '\n' || c == '\r'; }

// \s+(?!\S)|\s+ : a run of white space leaves its last character to what follows it.
size_t space_end(std::string_view text, size_t begin) {
  size_t at = begin, last = begin;
  while (at < text.size()) {
    const Scanned next = scan(text, at);
    if (next.kind != CharClass::kSpace) return last == begin ? at : last;
    last = at;
    at += next.bytes;
  }
  return at;
}

// 's|'t|'re|'ve|'m|'ll|'d, where text[begin] is the apostrophe; 0 where there is none. With
// `fold`, letter case does not count, and U+017F (long s) folds to s.
size_t contraction_end(std::string_view text, size_t begin, bool fold) {
  const auto letter = [&](size_t at) -> char {
    if (at >= text.size()) return 0;
    const char c = text[at];
    return fold && c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  };
  const char first = letter(begin + 1), second = letter(begin + 2);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return begin + 2;
  if ((first == 'r' || first == 'v') && second == 'e') return begin + 3;
  if (first == 'l' && second == 'l') return begin + 3;
  if (fold && text.substr(begin + 1).starts_with("\xc5\xbf")) return begin + 3;
  return 0;
}

size_t gpt2_end(std::string_view text, size_t begin) {
  if (text[begin] == '\'') {
    if (const size_t end = contraction_end(text, begin, false); end != 0) return end;
  }
  const size_t at = begin + (text[begin] == ' ' ? 1 : 0);
  if (at < text.size()) {
    const Scanned first = scan(text, at);
    if (first.kind != CharClass::kSpace) return run_end(text, at + first.bytes, first.kind);
  }
  return space_end(text, begin);
}

// The end of the last line end in a run of white space; `begin` where there is none.
size_t line_ends_end(std::string_view text, size_t begin) {
  size_t last = begin;
  for (size_t at = begin; at < text.size();) {
    const Scanned next = scan(text, at);
    if (next.kind != CharClass::kSpace) break;
    at += next.bytes;
    if (is_line_end(text[at - 1])) last = at;
  }
  return last;
}

size_t llama3_end(std::string_view text, size_t begin, int digits) {
  const char lead = text[begin];
  if (lead == '\'') {
    if (const size_t end = contraction_end(text, begin, true); end != 0) return end;
  }
  const Scanned first = scan(text, begin);
  size_t at = begin + first.bytes;
  if (first.kind == CharClass::kLetter) return run_end(text, at, CharClass::kLetter);
  if (first.kind == CharClass::kNumber) {
    for (int i = 1; i < digits && at < text.size(); ++i) {
      const Scanned next = scan(text, at);
      if (next.kind != CharClass::kNumber) break;
      at += next.bytes;
    }
    return at;
  }
  const CharClass second = at < text.size() ? scan(text, at).kind : CharClass::kSpace;
  if (second == CharClass::kLetter && !is_line_end(lead))
    return run_end(text, at, CharClass::kLetter);
  if (first.kind == CharClass::kOther || (lead == ' ' && second == CharClass::kOther)) {
    at = run_end(text, at, CharClass::kOther);
    while (at < text.size() && is_line_end(text[at])) ++at;
    return at;
  }
  if (const size_t end = line_ends_end(text, begin); end != begin) return end;
  return space_end(text, begin);
}

}  // namespace

std::string_view pattern_text(SplitPattern pattern) {
  switch (pattern) {
    case SplitPattern::kGpt2:
      return kGpt2Text;
    case SplitPattern::kLlama3:
      return kLlama3Text;
    case SplitPattern::kQwen2:
      return kQwen2Text;
  }
  return {};
}

std::optional<SplitPattern> find_pattern(std::string_view regular_expression) {
  for (const SplitPattern p : {SplitPattern::kGpt2, SplitPattern::kLlama3, SplitPattern::kQwen2})
    if (pattern_text(p) == regular_expression) return p;
  return std::nullopt;
}

std::optional<SplitPattern> find_pattern_name(std::string_view name) {
  if (name == "gpt2") return SplitPattern::kGpt2;
  if (name == "llama3") return SplitPattern::kLlama3;
  if (name == "qwen2") return SplitPattern::kQwen2;
  return std::nullopt;
}

size_t piece_end(SplitPattern pattern, std::string_view text, size_t begin) {
  switch (pattern) {
    case SplitPattern::kGpt2:
      return gpt2_end(text, begin);
    case SplitPattern::kLlama3:
      return llama3_end(text, begin, 3);
    case SplitPattern::kQwen2:
      return llama3_end(text, begin, 1);
  }
  return text.size();
}

}  // namespace rankscope::tokenizer
