#include "experiments/sweep/changed_keys.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

namespace rankscope {

namespace {

constexpr std::size_t kMostKeys = 4;

// In how many keys two trainings differ; where it is more than `most`, any number above that: a
// sweep that was changed has thousands of trainings on either side.
std::size_t count_of_differing(const IdentityKeys& one, const IdentityKeys& other,
                               std::size_t most) {
  const std::size_t fewer = std::min(one.size(), other.size());
  if (std::max(one.size(), other.size()) - fewer > most) return most + 1;
  std::size_t count = 0;
  auto left = one.begin(), right = other.begin();
  while (left != one.end() || right != other.end()) {
    const int order = left == one.end()      ? 1
                      : right == other.end() ? -1
                                             : left->first.compare(right->first);
    if ((order != 0 || left->second != right->second) && ++count > most) break;
    if (order <= 0) ++left;
    if (order >= 0) ++right;
  }
  return count;
}

}  // namespace

std::string changed_keys(const IdentityKeys& training,
                         const std::map<std::string, IdentityKeys>& former) {
  auto nearest = former.end();
  std::size_t fewest = kMostKeys + 1;
  for (auto it = former.begin(); it != former.end() && fewest > 1; ++it) {
    const std::size_t count = count_of_differing(training, it->second, fewest - 1);
    if (count == 0 || count >= fewest) continue;
    fewest = count;
    nearest = it;
  }
  if (nearest == former.end()) return "";
  std::vector<std::string> differing;
  for (const auto& [key, value] : training) {
    const auto found = nearest->second.find(key);
    if (found == nearest->second.end() || found->second != value) differing.push_back(key);
  }
  for (const auto& [key, value] : nearest->second)
    if (!training.contains(key)) differing.push_back(key);
  return fmt::format("new: {} changed since {}", fmt::join(differing, ", "), nearest->first);
}

}  // namespace rankscope
