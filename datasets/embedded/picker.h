// Draws taken one after the other: for texts, whose number of draws depends on what was drawn. One
// Picker makes one thing (an entity, a document, an example), so that things do not depend on each
// other.
#pragma once

#include <cstdint>
#include <ranges>
#include <string_view>

#include "common/draws.h"

namespace rankscope::embedded {

class Picker {
 public:
  Picker(std::uint64_t seed, std::string_view purpose, std::string_view name, std::uint64_t index)
      : draws_(seed, purpose, name, index) {}

  // In [0, n), n >= 1.
  std::uint64_t below(std::uint64_t n) { return draws_.below(next_++, n); }
  // In [low, high].
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low) + 1));
  }
  bool chance(int percent) { return below(100) < static_cast<std::uint64_t>(percent); }
  const auto& pick(const std::ranges::random_access_range auto& choices) {
    return choices[below(std::ranges::size(choices))];
  }
  // Exchanges the items at random (Fisher and Yates).
  void shuffle(std::ranges::random_access_range auto& items) {
    for (std::size_t i = std::ranges::size(items); i > 1; --i)
      std::swap(items[i - 1], items[below(i)]);
  }

 private:
  Draws draws_;
  std::uint64_t next_ = 0;
};

}  // namespace rankscope::embedded
