#include "metrics/crossed_design.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <stdexcept>

#include "metrics/distributions.h"
#include "metrics/needed_number.h"

namespace rankscope {

namespace {

struct Group {
  double seeds = 0, examples = 0;
  double mean = 0;
  RealVector example_means;  // [examples], over seeds
  double seed_variance = 0;  // s2_g; 0 of one seed
  double residual = 0;       // MSE_g; 0 of one seed
  bool binary = false;
  bool fixed = false;

  bool knows_its_seeds() const { return fixed || seeds > 1; }
};

// Sum of squared deviations from the mean; exactly 0 of equal values.
double squares_of(const RealVector& values) {
  const RealVector shifted = values.array() - values[0];
  return (shifted.array() - shifted.mean()).square().sum();
}

Group group_of(const RealMatrix& outcomes) {
  if (outcomes.rows() < 1) throw std::invalid_argument("a group needs at least one seed");
  if (outcomes.cols() < 2) throw std::invalid_argument("a group needs at least two examples");
  if (!outcomes.allFinite()) throw std::invalid_argument("outcomes must be finite");
  Group group{.seeds = static_cast<double>(outcomes.rows()),
              .examples = static_cast<double>(outcomes.cols()),
              .example_means = outcomes.colwise().mean().transpose(),
              .binary = (outcomes.array() == 0 || outcomes.array() == 1).all()};
  const RealVector seed_means = outcomes.rowwise().mean();
  group.mean = seed_means.mean();
  if (group.seeds == 1) return group;
  group.seed_variance = squares_of(seed_means) / (group.seeds - 1);
  double squares = 0;
  RealVector residuals(outcomes.rows());
  for (Eigen::Index e = 0; e < outcomes.cols(); ++e) {
    residuals = outcomes.col(e) - seed_means;
    residuals.array() -= group.example_means[e] - group.mean;
    squares += residuals.squaredNorm();
  }
  group.residual = squares / ((group.seeds - 1) * (group.examples - 1));
  return group;
}

// Where the quantiles of an estimate's parts are put together.
constexpr double kPoint = 0.975;

// The seeds' part of a variance: of groups with s2_g, `tie` added to each where quantiles are
// concerned.
class SeedPart {
 public:
  void add(double seed_variance, double seeds, double tie = 0) {
    if (seeds == 1) return;
    const double df = seeds - 1, part = (seed_variance + tie) / seeds;
    variance_ += seed_variance / seeds;
    tied_ += part;
    tied_squares_by_df_ += part * part / df;
    weighted_quantiles_ += part * student_t_quantile(kPoint, df);
    least_df_ = std::min(least_df_, df);
    most_df_ = std::max(most_df_, df);
    sum_df_ += df;
  }
  double variance() const { return variance_; }
  double least_df() const { return least_df_; }
  double sum_df() const { return sum_df_; }
  double quantile() const {
    const double satterthwaite = student_t_quantile(kPoint, tied_ * tied_ / tied_squares_by_df_);
    const double cochran_cox = weighted_quantiles_ / tied_;
    const double unlike = (most_df_ - least_df_) / (most_df_ + least_df_);
    return satterthwaite + unlike * (cochran_cox - satterthwaite);
  }

 private:
  double variance_ = 0, tied_ = 0, tied_squares_by_df_ = 0, weighted_quantiles_ = 0;
  double least_df_ = std::numeric_limits<double>::infinity(), most_df_ = 0, sum_df_ = 0;
};

struct ExamplePart {
  double variance = 0, df = 0;
};

Estimate estimate_of(double value, const SeedPart& seeds, const ExamplePart& examples,
                     bool verdict) {
  const double variance = seeds.variance() + examples.variance;
  Estimate estimate{.value = value, .variance = variance, .df = examples.df, .verdict = verdict};
  if (seeds.variance() == 0) return estimate;
  const double weight = seeds.variance() / variance;
  const double quantile =
      weight * seeds.quantile() + (1 - weight) * student_t_quantile(kPoint, examples.df);
  estimate.df = student_t_df(quantile, kPoint, std::min(seeds.least_df(), examples.df),
                             std::max(seeds.sum_df(), examples.df));
  return estimate;
}

// `example_squares`: of D, over examples.
Estimate estimate_of(double value, std::initializer_list<const Group*> groups,
                     double example_squares) {
  const double examples = (*groups.begin())->examples;
  SeedPart seeds;
  double residual = 0;
  bool verdict = true;
  for (const Group* group : groups) {
    seeds.add(group->seed_variance, group->seeds, group->binary ? 0.5 / (examples * examples) : 0);
    residual += group->residual / (group->seeds * examples);
    verdict = verdict && group->knows_its_seeds();
  }
  ExamplePart part{.variance = example_squares / (examples - 1) / examples, .df = examples - 1};
  if (seeds.variance() > 0) part.variance = std::max(0.0, part.variance - residual);
  return estimate_of(value, seeds, part, verdict);
}

Estimate mean_estimate_of(const Group& group) {
  double squares = squares_of(group.example_means);
  if (squares == 0 && group.seed_variance == 0) squares = 0.5;
  return estimate_of(group.mean, {&group}, squares);
}

struct Compared {
  Group left, right;
  double difference_squares = 0;  // of D, with what is added
};

Compared compared(const RealMatrix& left, const RealMatrix& right, FixedSides fixed) {
  Compared both{.left = group_of(left), .right = group_of(right)};
  if (left.cols() != right.cols())
    throw std::invalid_argument("two groups must be scored on the same examples");
  if ((fixed.left && left.rows() != 1) || (fixed.right && right.rows() != 1))
    throw std::invalid_argument("a fixed side of a difference is one row");
  both.left.fixed = fixed.left;
  both.right.fixed = fixed.right;
  double& squares = both.difference_squares;
  squares = squares_of(both.left.example_means - both.right.example_means);
  const bool all_agree =
      squares == 0 && both.left.seed_variance == 0 && both.right.seed_variance == 0;
  if (all_agree)
    squares = 1;
  else if (both.left.binary && both.right.binary)
    squares += (1 / both.left.seeds + 1 / both.right.seeds) / 2;
  return both;
}

}  // namespace

Estimate mean_estimate(const RealMatrix& outcomes) { return mean_estimate_of(group_of(outcomes)); }

Interval mean_interval(const RealMatrix& outcomes, double confidence) {
  const Group group = group_of(outcomes);
  const Estimate estimate = mean_estimate_of(group);
  Interval plain = interval(estimate, confidence);  // refuses what is no confidence
  if (!group.binary) {
    // No mean of numbers from 0 to 1 lies elsewhere.
    if (outcomes.minCoeff() >= 0) plain.low = std::max(0.0, plain.low);
    if (outcomes.maxCoeff() <= 1) plain.high = std::min(1.0, plain.high);
    return plain;
  }
  const double p = estimate.value, spread = p * (1 - p);
  const double t = student_t_quantile((1 + confidence) / 2, estimate.df);
  const double ratio = t * t * (spread > 0 ? estimate.variance / spread : 1 / group.examples);
  const double middle = (p + ratio / 2) / (1 + ratio);
  const double half = std::sqrt(ratio * spread + ratio * ratio / 4) / (1 + ratio);
  return {.low = std::max(0.0, middle - half), .high = std::min(1.0, middle + half)};
}

Estimate difference_estimate(const RealMatrix& left, const RealMatrix& right, FixedSides fixed) {
  const Compared both = compared(left, right, fixed);
  return estimate_of(both.left.mean - both.right.mean, {&both.left, &both.right},
                     both.difference_squares);
}

Needed needed_for(const RealMatrix& left, const RealMatrix& right, double size, FixedSides fixed) {
  if (!(size > 0) || std::isinf(size))
    throw std::invalid_argument("a difference to find is above 0");
  const Compared both = compared(left, right, fixed);
  if (!both.left.knows_its_seeds() || !both.right.knows_its_seeds()) return {};
  const double examples_here = both.left.examples;
  double example_variance = both.difference_squares / (examples_here - 1);
  for (const Group* group : {&both.left, &both.right})
    example_variance -= group->residual / group->seeds;
  example_variance = std::max(0.0, example_variance);
  const auto enough = [&](double left_seeds, double right_seeds, double examples) {
    SeedPart seeds;
    const auto add = [&](const Group& group, double count) {
      if (group.fixed) return;
      const double effect = std::max(0.0, group.seed_variance - group.residual / examples_here);
      seeds.add(effect + group.residual / examples, count);
    };
    add(both.left, left_seeds);
    add(both.right, right_seeds);
    const ExamplePart part{.variance = example_variance / examples, .df = examples - 1};
    const Estimate estimate = estimate_of(size, seeds, part, true);
    return is_told(size, estimate.variance, estimate.df);
  };
  constexpr std::int64_t kMostSeeds = 10'000, kMostExamples = 10'000'000;
  Needed needed;
  if (!fixed.left || !fixed.right)
    needed.seeds = smallest_number(2, kMostSeeds, [&](std::int64_t n) {
      const auto seeds = static_cast<double>(n);
      return enough(seeds, seeds, examples_here);
    });
  needed.examples = smallest_number(2, kMostExamples, [&](std::int64_t n) {
    return enough(both.left.seeds, both.right.seeds, static_cast<double>(n));
  });
  return needed;
}

}  // namespace rankscope
