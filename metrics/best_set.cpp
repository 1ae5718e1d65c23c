#include "metrics/best_set.h"

#include <algorithm>
#include <stdexcept>

#include "metrics/crossed_design.h"
#include "metrics/verdict.h"

namespace rankscope {

std::vector<std::size_t> best_set(std::span<const RealMatrix> groups, double alpha) {
  if (!(alpha > 0 && alpha < 1)) throw std::invalid_argument("alpha lies between 0 and 1");
  std::vector<CrossedGroup> compared;
  // One alone is compared with none, whatever its outcomes.
  if (groups.size() > 1)
    for (const RealMatrix& group : groups) compared.emplace_back(group);
  std::vector<std::vector<double>> below(groups.size());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    for (std::size_t j = i + 1; j < groups.size(); ++j) {
      const Estimate difference = difference_estimate(compared[i], compared[j]);
      if (!difference.verdict) continue;
      below[i].push_back(p_below(difference, 0));
      below[j].push_back(p_above(difference, 0));
    }
  }
  std::vector<std::size_t> best;
  for (std::size_t i = 0; i < groups.size(); ++i)
    if (below[i].empty() || std::ranges::min(holm_adjusted(below[i])) > alpha) best.push_back(i);
  return best;
}

}  // namespace rankscope
