// Outcomes of runs whose true mean is known: examples whose difficulty all runs share, seeds with
// an effect each, and residuals.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <string>
#include <string_view>
#include <vector>

#include "common/draws.h"
#include "metrics/distributions.h"
#include "metrics/singular.h"

namespace rankscope::tests {

// The variance between seeds that makes `share` of a seed mean's variance over `examples` whose
// outcomes have the variance `outcome_variance`.
inline double seed_variance(double share, double outcome_variance, Eigen::Index examples) {
  return share / (1 - share) * outcome_variance / static_cast<double>(examples);
}

// Gamma values of unit scale (Marsaglia and Tsang, 2000).
class Gammas {
 public:
  Gammas(std::string_view name, std::uint64_t step)
      : normals_(1, "synthetic gamma normals", name, step),
        uniforms_(1, "synthetic gamma uniforms", name, step) {}
  double next(double shape) {
    const double raised = shape < 1 ? shape + 1 : shape;
    const double d = raised - 1.0 / 3, c = 1 / std::sqrt(9 * d);
    for (;;) {
      const double x = normals_.normal(taken_normals_++), v = std::pow(1 + c * x, 3);
      const double u = 1 - uniforms_.uniform_double(taken_uniforms_++);
      if (v <= 0 || std::log(u) >= x * x / 2 + d - d * v + d * std::log(v)) continue;
      if (shape >= 1) return d * v;
      return d * v * std::pow(1 - uniforms_.uniform_double(taken_uniforms_++), 1 / shape);
    }
  }

 private:
  Draws normals_, uniforms_;
  std::uint64_t taken_normals_ = 0, taken_uniforms_ = 0;
};

// Of a standard normal: skewed to the right within 0 .. 1, as ROUGE is.
inline double rouge_like(double x) { return 1 / (1 + std::exp(1 - 1.5 * x)); }

struct Moments {
  double mean = 0, variance = 0;
};
inline const Moments& rouge_like_moments() {
  static const Moments moments = [] {
    double weights = 0, sum = 0, squares = 0;
    for (int i = -9000; i <= 9000; ++i) {
      const double x = i / 1000.0, weight = std::exp(-x * x / 2), score = rouge_like(x);
      weights += weight;
      sum += weight * score;
      squares += weight * score * score;
    }
    const double mean = sum / weights;
    return Moments{.mean = mean, .variance = squares / weights - mean * mean};
  }();
  return moments;
}

// One set of examples, and groups of runs on it.
class SyntheticExamples {
 public:
  SyntheticExamples(std::string_view name, std::uint64_t number, Eigen::Index examples)
      : name_(name), number_(number), difficulty_(static_cast<std::size_t>(examples)) {
    Draws(1, "synthetic difficulty", name, number).fill_normal(difficulty_);
  }

  // [seeds, examples], 0 or 1: a seed's probability is Beta's with mean p and the given variance
  // between seeds (at most 0.9 of what a probability can have); by a probit of difficulty and
  // residual, each outcome has its seed's probability.
  RealMatrix binary(std::string_view group, Eigen::Index seeds, double p, double variance) const {
    const auto examples = static_cast<Eigen::Index>(difficulty_.size());
    RealMatrix outcomes(seeds, examples);
    const Draws draws(1, "synthetic residuals", named(group), number_);
    Gammas gammas(named(group), number_);
    std::vector<float> uniforms(difficulty_.size());
    for (Eigen::Index s = 0; s < seeds; ++s) {
      const double probability = variance > 0 ? beta(p, variance, gammas) : p;
      const double threshold =
          student_t_quantile(probability, std::numeric_limits<double>::infinity());
      draws.fill_uniform(uniforms, static_cast<std::uint64_t>(s * examples));
      for (Eigen::Index e = 0; e < examples; ++e) {
        const auto i = static_cast<std::size_t>(e);
        const double z = (threshold - kLoading * difficulty_[i]) / kResidual;
        outcomes(s, e) = uniforms[i] < std::erfc(-z / std::numbers::sqrt2) / 2 ? 1 : 0;
      }
    }
    return outcomes;
  }

  // [seeds, examples] in 0 .. 1: rouge_like of difficulty and residual, scaled to leave room for an
  // effect of the seed, the mean of three uniform values, with `variance` before scaling.
  RealMatrix rouge(std::string_view group, Eigen::Index seeds, double variance) const {
    const auto examples = static_cast<Eigen::Index>(difficulty_.size());
    RealMatrix outcomes(seeds, examples);
    const Draws draws(1, "synthetic residuals", named(group), number_);
    const Draws effects(1, "synthetic effects", named(group), number_);
    const double range = 6 * std::sqrt(variance);
    std::vector<float> residuals(difficulty_.size());
    for (Eigen::Index s = 0; s < seeds; ++s) {
      double effect = 0;
      for (Eigen::Index i = 0; i < 3; ++i)
        effect += range * effects.uniform_double(static_cast<std::uint64_t>(3 * s + i)) / 3;
      draws.fill_normal(residuals, static_cast<std::uint64_t>(s * examples));
      for (Eigen::Index e = 0; e < examples; ++e) {
        const auto i = static_cast<std::size_t>(e);
        const double score = rouge_like(kLoading * difficulty_[i] + kResidual * residuals[i]);
        outcomes(s, e) = (score + effect) / (1 + range);
      }
    }
    return outcomes;
  }
  static double rouge_mean(double variance) {
    const double range = 6 * std::sqrt(variance);
    return (rouge_like_moments().mean + range / 2) / (1 + range);
  }

 private:
  // Of latent normals that correlate by 0.64 between any two runs on one example.
  static constexpr double kLoading = 0.8, kResidual = 0.6;

  static double beta(double mean, double variance, Gammas& gammas) {
    const double most = mean * (1 - mean);
    const double concentration = most / std::min(variance, 0.9 * most) - 1;
    const double successes = gammas.next(mean * concentration);
    const double failures = gammas.next((1 - mean) * concentration);
    return std::clamp(successes / (successes + failures), 1e-12, 1 - 1e-12);
  }
  std::string named(std::string_view group) const { return name_ + "/" + std::string(group); }

  std::string name_;
  std::uint64_t number_;
  std::vector<float> difficulty_;
};

}  // namespace rankscope::tests
