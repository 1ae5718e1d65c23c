// How often nominal 95 % intervals hold the truth.
#pragma once

#include <algorithm>
#include <string>

#include "metrics/crossed_design.h"
#include "tests/metrics/synthetic_outcomes.h"

namespace rankscope::tests {

struct Side {
  Eigen::Index seeds = 0;
  double p = 0;      // of a binary outcome; 0: ROUGE-like ones
  double share = 0;  // of the seeds' effects in a seed mean's variance

  double seed_variance_at(Eigen::Index examples) const {
    const double outcome_variance = p > 0 ? p * (1 - p) : rouge_like_moments().variance;
    return seed_variance(share, outcome_variance, examples);
  }
  double mean_at(Eigen::Index examples) const {
    return p > 0 ? p : SyntheticExamples::rouge_mean(seed_variance_at(examples));
  }
  RealMatrix outcomes(const SyntheticExamples& set, const std::string& group,
                      Eigen::Index examples) const {
    return p > 0 ? set.binary(group, seeds, p, seed_variance_at(examples))
                 : set.rouge(group, seeds, seed_variance_at(examples));
  }
  std::string name() const {
    return "S=" + std::to_string(seeds) +
           (p > 0 ? " p=" + std::to_string(p).substr(0, 4) : std::string(" ROUGE")) +
           " share=" + std::to_string(share).substr(0, 3);
  }
};

// Two groups on one set of examples.
struct Cell {
  Eigen::Index examples = 0;
  Side left, right;

  std::string name() const {
    return "E=" + std::to_string(examples) + " " + left.name() + " | " + right.name();
  }
};

// Groups alike but for the right one's p, which is 0.03 more, 0.99 at most.
inline Cell alike(Eigen::Index examples, const Side& side) {
  Cell cell{.examples = examples, .left = side, .right = side};
  if (side.p > 0) cell.right.p = std::min(side.p + 0.03, 0.99);
  return cell;
}

// Shares of the sets; the mean is the left group's.
struct Coverage {
  double difference = 0, mean = 0;
};

inline Coverage coverage_of(const Cell& cell, int sets) {
  const auto holds = [](const Interval& interval, double truth) {
    return interval.low <= truth && truth <= interval.high;
  };
  const double left_mean = cell.left.mean_at(cell.examples);
  const double difference = left_mean - cell.right.mean_at(cell.examples);
  int difference_held = 0, mean_held = 0;
  for (int n = 0; n < sets; ++n) {
    const SyntheticExamples set(cell.name(), static_cast<std::uint64_t>(n), cell.examples);
    const RealMatrix left = cell.left.outcomes(set, "left", cell.examples);
    const RealMatrix right = cell.right.outcomes(set, "right", cell.examples);
    difference_held += holds(interval(difference_estimate(left, right)), difference);
    mean_held += holds(mean_interval(left), left_mean);
  }
  return {.difference = static_cast<double>(difference_held) / sets,
          .mean = static_cast<double>(mean_held) / sets};
}

}  // namespace rankscope::tests
