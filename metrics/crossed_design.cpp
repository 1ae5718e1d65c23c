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

// Sum of squared deviations from the mean; exactly 0 of equal values.
double squares_of(const RealVector& values) {
  const RealVector shifted = values.array() - values[0];
  return (shifted.array() - shifted.mean()).square().sum();
}

bool knows_its_seeds(const CrossedGroup& group, bool is_fixed) {
  return is_fixed || group.seeds > 1;
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
Estimate estimate_of(double value, std::initializer_list<const CrossedGroup*> groups,
                     double example_squares, bool verdict) {
  const double examples = (*groups.begin())->examples;
  SeedPart seeds;
  double residual = 0;
  for (const CrossedGroup* group : groups) {
    seeds.add(group->seed_variance, group->seeds, group->binary ? 0.5 / (examples * examples) : 0);
    residual += group->residual / (group->seeds * examples);
  }
  ExamplePart part{.variance = example_squares / (examples - 1) / examples, .df = examples - 1};
  if (seeds.variance() > 0) part.variance = std::max(0.0, part.variance - residual);
  return estimate_of(value, seeds, part, verdict);
}

Estimate mean_estimate_of(const CrossedGroup& group) {
  double squares = squares_of(group.example_means);
  if (squares == 0 && group.seed_variance == 0) squares = 0.5;
  return estimate_of(group.mean, {&group}, squares, knows_its_seeds(group, false));
}

// Of D, with what is added.
double difference_squares(const CrossedGroup& left, const CrossedGroup& right, FixedSides fixed) {
  if (left.examples != right.examples)
    throw std::invalid_argument("two groups must be scored on the same examples");
  if ((fixed.left && left.seeds != 1) || (fixed.right && right.seeds != 1))
    throw std::invalid_argument("a fixed side of a difference is one row");
  const double squares = squares_of(left.example_means - right.example_means);
  const bool all_agree = squares == 0 && left.seed_variance == 0 && right.seed_variance == 0;
  if (all_agree) return 1;
  if (left.binary && right.binary) return squares + (1 / left.seeds + 1 / right.seeds) / 2;
  return squares;
}

}  // namespace

CrossedGroup::CrossedGroup(const RealMatrix& outcomes) {
  if (outcomes.rows() < 1) throw std::invalid_argument("a group needs at least one seed");
  if (outcomes.cols() < 2) throw std::invalid_argument("a group needs at least two examples");
  if (!outcomes.allFinite()) throw std::invalid_argument("outcomes must be finite");
  seeds = static_cast<double>(outcomes.rows());
  examples = static_cast<double>(outcomes.cols());
  example_means = outcomes.colwise().mean().transpose();
  binary = (outcomes.array() == 0 || outcomes.array() == 1).all();
  const RealVector seed_means = outcomes.rowwise().mean();
  mean = seed_means.mean();
  if (seeds == 1) return;
  seed_variance = squares_of(seed_means) / (seeds - 1);
  double squares = 0;
  RealVector residuals(outcomes.rows());
  for (Eigen::Index e = 0; e < outcomes.cols(); ++e) {
    residuals = outcomes.col(e) - seed_means;
    residuals.array() -= example_means[e] - mean;
    squares += residuals.squaredNorm();
  }
  residual = squares / ((seeds - 1) * (examples - 1));
}

Estimate mean_estimate(const RealMatrix& outcomes) {
  return mean_estimate_of(CrossedGroup(outcomes));
}

Interval mean_interval(const RealMatrix& outcomes, double confidence) {
  const CrossedGroup group(outcomes);
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

Estimate difference_estimate(const CrossedGroup& left, const CrossedGroup& right,
                             FixedSides fixed) {
  const double squares = difference_squares(left, right, fixed);
  return estimate_of(left.mean - right.mean, {&left, &right}, squares,
                     knows_its_seeds(left, fixed.left) && knows_its_seeds(right, fixed.right));
}

Estimate difference_estimate(const RealMatrix& left, const RealMatrix& right, FixedSides fixed) {
  return difference_estimate(CrossedGroup(left), CrossedGroup(right), fixed);
}

Needed needed_for(const RealMatrix& left_outcomes, const RealMatrix& right_outcomes, double size,
                  FixedSides fixed) {
  if (!(size > 0) || std::isinf(size))
    throw std::invalid_argument("a difference to find is above 0");
  const CrossedGroup left(left_outcomes), right(right_outcomes);
  const double squares = difference_squares(left, right, fixed);
  if (!knows_its_seeds(left, fixed.left) || !knows_its_seeds(right, fixed.right)) return {};
  const double examples_here = left.examples;
  double example_variance = squares / (examples_here - 1);
  for (const CrossedGroup* group : {&left, &right})
    example_variance -= group->residual / group->seeds;
  example_variance = std::max(0.0, example_variance);
  const auto enough = [&](double left_seeds, double right_seeds, double examples) {
    SeedPart seeds;
    const auto add = [&](const CrossedGroup& group, bool is_fixed, double count) {
      if (is_fixed) return;
      const double effect = std::max(0.0, group.seed_variance - group.residual / examples_here);
      seeds.add(effect + group.residual / examples, count);
    };
    add(left, fixed.left, left_seeds);
    add(right, fixed.right, right_seeds);
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
    return enough(left.seeds, right.seeds, static_cast<double>(n));
  });
  return needed;
}

}  // namespace rankscope
