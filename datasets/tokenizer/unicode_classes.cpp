#include "datasets/tokenizer/unicode_classes.h"

#include <algorithm>
#include <array>
#include <vector>

namespace rankscope::tokenizer {
namespace {

struct Range {
  char32_t first, last;
};

#include "datasets/tokenizer/unicode_classes.inc"

constexpr uint8_t kWordBit = 4;
constexpr char32_t kCodePoints = 0x110000;

// Two bytes of work a character: blocks of 256 code points, equal blocks kept once.
class Table {
 public:
  Table() {
    std::vector<uint8_t> flat(kCodePoints);
    const auto mark = [&](const auto& ranges, uint8_t value) {
      for (const Range& range : ranges)
        for (char32_t c = range.first; c <= range.last; ++c) flat[c] |= value;
    };
    mark(kLetters, static_cast<uint8_t>(CharClass::kLetter));
    mark(kNumbers, static_cast<uint8_t>(CharClass::kNumber));
    mark(kSpaces, static_cast<uint8_t>(CharClass::kSpace));
    mark(kWord, kWordBit);
    for (char32_t c = 0; c < kCodePoints; c += 256) {
      std::array<uint8_t, 256> block;
      std::copy_n(flat.begin() + c, 256, block.begin());
      size_t same = 0;
      while (same < blocks_.size() && blocks_[same] != block) ++same;
      if (same == blocks_.size()) blocks_.push_back(block);
      index_[c >> 8] = static_cast<uint16_t>(same);
    }
  }
  uint8_t operator[](char32_t c) const { return blocks_[index_[c >> 8]][c & 255]; }

 private:
  std::array<uint16_t, kCodePoints / 256> index_{};
  std::vector<std::array<uint8_t, 256>> blocks_;
};

const Table& table() {
  static const Table table;
  return table;
}

}  // namespace

CharClass char_class(char32_t code_point) {
  return static_cast<CharClass>(table()[code_point] & (kWordBit - 1));
}

bool is_word_char(char32_t code_point) { return (table()[code_point] & kWordBit) != 0; }

}  // namespace rankscope::tokenizer
