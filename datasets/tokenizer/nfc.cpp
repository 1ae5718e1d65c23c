#include "datasets/tokenizer/nfc.h"

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "common/utf8.h"

namespace rankscope::tokenizer {
namespace {

struct Decomposition {
  char32_t composed, first, second;
};
struct ClassRange {
  char32_t first, last;
  uint8_t combining_class;
};

#include "datasets/tokenizer/nfc_tables.inc"

// Hangul syllables are computed (Unicode 15, section 3.12).
constexpr char32_t kSyllables = 0xac00, kLeading = 0x1100, kVowels = 0x1161, kTrailing = 0x11a7;
constexpr char32_t kLeadingCount = 19, kVowelCount = 21, kTrailingCount = 28;
constexpr char32_t kSyllableCount = kLeadingCount * kVowelCount * kTrailingCount;

bool within(char32_t c, char32_t begin, char32_t count) { return c >= begin && c < begin + count; }

struct Tables {
  Tables() {
    for (const Decomposition& d : kComposites) {
      decompositions[d.composed] = d;
      composites[pair(d.first, d.second)] = d.composed;
      involved[d.second] = true;
    }
    for (const Decomposition& d : kOthers) {
      decompositions[d.composed] = d;
      involved[d.composed] = true;
    }
    for (const ClassRange& range : kCombining)
      for (char32_t c = range.first; c <= range.last; ++c) {
        classes[c] = range.combining_class;
        involved[c] = true;
      }
  }
  static uint64_t pair(char32_t first, char32_t second) {
    return static_cast<uint64_t>(first) << 32 | second;
  }
  // A text without such characters is in NFC already (Quick_Check of UAX #15).
  bool may_change(char32_t c) const {
    return involved.contains(c) || within(c, kVowels, kVowelCount) ||
           within(c, kTrailing, kTrailingCount);
  }
  uint8_t combining_class(char32_t c) const {
    const auto found = classes.find(c);
    return found == classes.end() ? 0 : found->second;
  }

  std::unordered_map<char32_t, Decomposition> decompositions;
  std::unordered_map<uint64_t, char32_t> composites;
  std::unordered_map<char32_t, uint8_t> classes;
  std::unordered_map<char32_t, bool> involved;
};

const Tables& tables() {
  static const Tables tables;
  return tables;
}

void decompose(char32_t c, std::vector<char32_t>& out) {
  if (within(c, kSyllables, kSyllableCount)) {
    const char32_t index = c - kSyllables;
    out.push_back(kLeading + index / (kVowelCount * kTrailingCount));
    out.push_back(kVowels + index / kTrailingCount % kVowelCount);
    if (index % kTrailingCount != 0) out.push_back(kTrailing + index % kTrailingCount);
    return;
  }
  const auto found = tables().decompositions.find(c);
  if (found == tables().decompositions.end()) {
    out.push_back(c);
    return;
  }
  decompose(found->second.first, out);
  if (found->second.second != 0) decompose(found->second.second, out);
}

// The composite of a pair, 0 where there is none.
char32_t compose(char32_t first, char32_t second) {
  if (within(first, kLeading, kLeadingCount) && within(second, kVowels, kVowelCount))
    return kSyllables + ((first - kLeading) * kVowelCount + (second - kVowels)) * kTrailingCount;
  if (within(first, kSyllables, kSyllableCount) && (first - kSyllables) % kTrailingCount == 0 &&
      within(second, kTrailing + 1, kTrailingCount - 1))
    return first + (second - kTrailing);
  const auto found = tables().composites.find(Tables::pair(first, second));
  return found == tables().composites.end() ? 0 : found->second;
}

void reorder(std::vector<char32_t>& text) {
  const auto combining_class = [](char32_t c) { return tables().combining_class(c); };
  for (size_t begin = 0; begin < text.size();) {
    if (combining_class(text[begin]) == 0) {
      ++begin;
      continue;
    }
    size_t end = begin;
    while (end < text.size() && combining_class(text[end]) != 0) ++end;
    std::stable_sort(text.begin() + static_cast<std::ptrdiff_t>(begin),
                     text.begin() + static_cast<std::ptrdiff_t>(end), [&](char32_t a, char32_t b) {
                       return combining_class(a) < combining_class(b);
                     });
    begin = end;
  }
}

void compose_all(std::vector<char32_t>& text) {
  size_t starter = text.size();  // none so far
  size_t length = 0;
  int last_class = -1;  // of what was kept since the starter; -1: nothing
  for (const char32_t c : text) {
    const int k = tables().combining_class(c);
    if (starter < length && last_class < k) {
      if (const char32_t composite = compose(text[starter], c); composite != 0) {
        text[starter] = composite;
        continue;
      }
    }
    if (k == 0) {
      starter = length;
      last_class = -1;
    } else {
      last_class = k;
    }
    text[length++] = c;
  }
  text.resize(length);
}

}  // namespace

std::string nfc(std::string_view text) {
  // Below U+0300, whose first byte is 0xcc, nothing changes.
  const auto involved = [](std::string_view rest) {
    while (!rest.empty()) {
      const CodePoint c = first_code_point(rest);
      if (c.value >= 0x300 && tables().may_change(c.value)) return true;
      rest.remove_prefix(c.bytes);
    }
    return false;
  };
  const auto at =
      std::ranges::find_if(text, [](char c) { return static_cast<uint8_t>(c) >= 0xcc; });
  if (at == text.end() || !involved(text.substr(static_cast<size_t>(at - text.begin()))))
    return std::string(text);
  std::vector<char32_t> decomposed;
  for (std::string_view rest = text; !rest.empty();) {
    const CodePoint c = first_code_point(rest);
    decompose(c.value, decomposed);
    rest.remove_prefix(c.bytes);
  }
  reorder(decomposed);
  compose_all(decomposed);
  std::string normalized;
  for (const char32_t c : decomposed) append_utf8(normalized, c);
  return normalized;
}

}  // namespace rankscope::tokenizer
