// The names of the embedded world, made of syllables. Every name belongs to one pool, so that what
// is scored names nothing that was read before.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rankscope::embedded {

// What the base reads, what the tasks train on, what they score.
enum class Pool { kDocuments, kTraining, kScored };
inline constexpr std::array<Pool, 3> kPools = {Pool::kDocuments, Pool::kTraining, Pool::kScored};

enum class NameKind { kFirst, kLast, kTown, kRiver, kTitle, kShip };
inline constexpr std::size_t kNameKinds = 6;

class Names {
 public:
  explicit Names(std::uint64_t seed);

  // How many names of a kind a pool has: 3, 1 and 1 fifths of all.
  std::uint64_t size(NameKind kind, Pool pool) const;
  // Name `index` of the pool, index < size. No name is in two pools.
  std::string name(NameKind kind, Pool pool, std::uint64_t index) const;

 private:
  std::array<std::vector<std::uint64_t>, kNameKinds> orders_;  // permutations of all combinations
};

}  // namespace rankscope::embedded
