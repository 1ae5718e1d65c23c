#include "metrics/best_set.h"

#include <algorithm>
#include <functional>
#include <stdexcept>

#include "metrics/crossed_design.h"

namespace rankscope {

namespace {

// Whether some group lies above `one` so far that it stays so after Holm's adjustment over
// `comparisons` tests: the smallest p-value is multiplied by their number. `falling`: all groups
// that know their seeds, the largest mean first. One above tells, so most groups cost one test.
bool lies_below(const CrossedGroup& one, std::span<const CrossedGroup* const> falling,
                std::size_t comparisons, double alpha) {
  for (const CrossedGroup* other : falling) {
    if (other == &one) continue;
    // One that is no better lies above with a p-value of a half at least.
    if (alpha < 0.5 && other->mean <= one.mean) return false;
    const double p = p_below(difference_estimate(one, *other), 0);
    if (std::min(1.0, p * static_cast<double>(comparisons)) <= alpha) return true;
  }
  return false;
}

}  // namespace

std::vector<std::size_t> best_set(std::span<const RealMatrix> groups, double alpha) {
  if (!(alpha > 0 && alpha < 1)) throw std::invalid_argument("alpha lies between 0 and 1");
  std::vector<CrossedGroup> compared;
  // One alone is compared with none, whatever its outcomes.
  if (groups.size() > 1)
    for (const RealMatrix& group : groups) compared.emplace_back(group);
  std::vector<const CrossedGroup*> falling;
  for (const CrossedGroup& group : compared) {
    if (group.examples != compared.front().examples)
      throw std::invalid_argument("groups must be scored on the same examples");
    if (group.seeds > 1) falling.push_back(&group);
  }
  std::ranges::stable_sort(falling, std::greater<>(),
                           [](const CrossedGroup* g) { return g->mean; });
  std::vector<std::size_t> best;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const bool told = !compared.empty() && compared[i].seeds > 1 &&
                      lies_below(compared[i], falling, falling.size() - 1, alpha);
    if (!told) best.push_back(i);
  }
  return best;
}

}  // namespace rankscope
