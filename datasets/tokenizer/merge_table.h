// What two neighbouring tokens merge into, and how early.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace rankscope::tokenizer {

// A hash table with open addressing, at most half full.
class MergeTable {
 public:
  struct Found {
    uint32_t rank = kNone;
    int32_t result = -1;
  };
  static constexpr uint32_t kNone = 0xffffffffu;

  explicit MergeTable(size_t merges = 0) : slots_(std::bit_ceil(2 * merges + 2)) {}

  // A pair that was there already takes the new rank.
  void put(int32_t left, int32_t right, Found found) {
    const uint64_t key = pair(left, right);
    Slot& slot = slots_[place(key)];
    slot = {key, found};
  }
  Found find(int32_t left, int32_t right) const { return slots_[place(pair(left, right))].found; }

 private:
  struct Slot {
    uint64_t key = ~uint64_t{0};  // no pair: ids are not negative
    Found found;
  };
  static uint64_t pair(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }
  // The key's slot, or the empty one where it would stand.
  size_t place(uint64_t key) const {
    const size_t mask = slots_.size() - 1;
    uint64_t hash = key * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 32;
    size_t at = static_cast<size_t>(hash) & mask;
    while (slots_[at].key != key && slots_[at].key != ~uint64_t{0}) at = (at + 1) & mask;
    return at;
  }

  std::vector<Slot> slots_;
};

}  // namespace rankscope::tokenizer
