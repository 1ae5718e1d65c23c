#include "metrics/word_ids.h"

#include <cstring>

namespace rankscope {

namespace {

constexpr std::size_t kFirstSlots = 1024;

std::uint64_t hash_of(std::string_view word) {
  constexpr std::uint64_t kMultiplier = 0x9E3779B97F4A7C15;
  std::uint64_t hash = word.size();
  while (!word.empty()) {
    std::uint64_t piece = 0;
    const std::size_t size = word.size() < 8 ? word.size() : 8;
    std::memcpy(&piece, word.data(), size);
    hash = (hash ^ piece) * kMultiplier;
    hash ^= hash >> 32;
    word.remove_prefix(size);
  }
  return hash;
}

}  // namespace

WordIds::WordIds() : slots_(kFirstSlots, 0) {}

void WordIds::clear() {
  entries_.clear();
  letters_.clear();
  slots_.assign(kFirstSlots, 0);
}

WordIds::Found WordIds::find_or_add(std::string_view word) {
  const std::uint64_t hash = hash_of(word);
  std::size_t slot = hash & (slots_.size() - 1);
  for (; slots_[slot] != 0; slot = (slot + 1) & (slots_.size() - 1)) {
    const Entry& entry = entries_[slots_[slot] - 1];
    if (entry.hash == hash && entry.size == word.size() &&
        std::memcmp(letters_.data() + entry.begin, word.data(), word.size()) == 0) {
      return {slots_[slot] - 1, false};
    }
  }
  const auto id = static_cast<std::uint32_t>(entries_.size());
  entries_.push_back({hash, letters_.size(), word.size()});
  letters_ += word;
  slots_[slot] = id + 1;
  if (entries_.size() * 2 > slots_.size()) grow();
  return {id, true};
}

void WordIds::grow() {
  slots_.assign(slots_.size() * 2, 0);
  for (std::size_t id = 0; id < entries_.size(); ++id) {
    std::size_t slot = entries_[id].hash & (slots_.size() - 1);
    while (slots_[slot] != 0) slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = static_cast<std::uint32_t>(id + 1);
  }
}

}  // namespace rankscope
