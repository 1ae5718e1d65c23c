// Words met before, with their tokens.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace rankscope::tokenizer {

// A cache of fixed size (2 MiB): two words share a set, the older gives way. Only short words are
// kept: nearly all words of real text are short, and an entry then fills one line of the
// processor's cache. What is found never differs from what was put in.
class WordCache {
 public:
  static constexpr size_t kMaxBytes = 24;
  static constexpr size_t kMaxIds = 9;

  WordCache() : entries_(2 * kSets) {}

  // A word ready to be looked up. `readable` bytes may be read from its begin on.
  struct Key {
    std::array<uint64_t, kMaxBytes / 8> words{};
    uint8_t bytes = 0;
    uint32_t set = 0;
  };
  static Key key(std::string_view word, size_t readable) {
    Key key;
    key.bytes = static_cast<uint8_t>(word.size());
    if (readable >= kMaxBytes) [[likely]] {
      std::memcpy(key.words.data(), word.data(), kMaxBytes);
      for (size_t i = 0; i < key.words.size(); ++i) {
        const size_t begin = 8 * i;
        if (word.size() <= begin) {
          key.words[i] = 0;
        } else if (word.size() < begin + 8) {
          key.words[i] &= kLow[word.size() - begin];
        }
      }
    } else {
      std::memcpy(key.words.data(), word.data(), word.size());
    }
    uint64_t hash = key.bytes;
    for (const uint64_t w : key.words) {
      hash = (hash ^ w) * 0x9e3779b97f4a7c15u;
      hash ^= hash >> 32;
    }
    key.set = static_cast<uint32_t>(hash) & (kSets - 1);
    return key;
  }

  // Appends the word's tokens and returns true where it is known.
  bool find(const Key& key, std::vector<int32_t>& out) const {
    for (size_t way = 0; way < 2; ++way) {
      const Entry& entry = entries_[2 * key.set + way];
      if (entry.words == key.words && entry.bytes == key.bytes) {
        out.insert(out.end(), entry.ids.begin(), entry.ids.begin() + entry.count);
        return true;
      }
    }
    return false;
  }

  void put(const Key& key, const int32_t* ids, size_t count) {
    if (count > kMaxIds) return;
    Entry* entry = &entries_[2 * key.set];
    entry[1] = entry[0];
    entry->words = key.words;
    entry->bytes = key.bytes;
    entry->count = static_cast<uint8_t>(count);
    std::memcpy(entry->ids.data(), ids, count * sizeof(int32_t));
  }

 private:
  static constexpr size_t kSets = size_t{1} << 14;
  // Masks that keep the first i bytes of a word in memory order.
  static constexpr std::array<uint64_t, 8> masks() {
    std::array<uint64_t, 8> low{};
    for (size_t i = 1; i < 8; ++i) low[i] = low[i - 1] << 8 | 0xff;
    return low;
  }
  static const std::array<uint64_t, 8> kLow;

  // `bytes` 0 marks an entry as empty: no word is.
  struct alignas(64) Entry {
    std::array<uint64_t, kMaxBytes / 8> words{};
    uint8_t bytes = 0;
    uint8_t count = 0;
    std::array<int32_t, kMaxIds> ids{};
  };
  static_assert(sizeof(Entry) == 64);

  std::vector<Entry> entries_;
};

// Little-endian machines alone are supported (safetensors' byte order).
inline constexpr std::array<uint64_t, 8> WordCache::kLow = WordCache::masks();

}  // namespace rankscope::tokenizer
