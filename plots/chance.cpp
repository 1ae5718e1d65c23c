#include "plots/chance.h"

#include <algorithm>
#include <array>
#include <boost/math/distributions/beta.hpp>
#include <map>
#include <utility>

#include "results/cells.h"
#include "results/phi_blob.h"

namespace rankscope {

namespace {

// Of phi(i, j) averaged over independent pairs of random subspaces of R^d. min(i, j) phi is the
// squared Frobenius norm of an i x j block of a random orthogonal matrix: at least i + j - d, with
// the expectation i j / d and the variance 2 i j (d - i) (d - j) / (d^2 (d - 1) (d + 2)). The beta
// distribution of that range, expectation and variance is exactly phi's where i or j and the number
// of pairs are 1. For d without bound, min(i, j) d phi has i j degrees of freedom of chi-squared, a
// mean over pairs is Gamma's, and the beta distribution tends to the same. What of drawn means lies
// outside its 95 % is 4.5 to 5.6 % from 32 dimensions on. A normal distribution, or one pair's
// quantiles moved nearer to the expectation, would be far off at small i and j, where phi is
// skewed.
std::pair<double, double> band_of_mean(std::int64_t i, std::int64_t j, std::int64_t dimension,
                                       std::int64_t pairs) {
  const auto a = static_cast<double>(i), b = static_cast<double>(j),
             d = static_cast<double>(dimension), n = static_cast<double>(pairs);
  const double small = std::min(a, b), expected = std::max(a, b) / d;
  if (i >= dimension || j >= dimension) return {expected, expected};
  const double least = std::max(0.0, a + b - d) / small, range = 1 - least;
  const double variance =
      2 * a * b * (d - a) * (d - b) / (d * d * (d - 1) * (d + 2) * small * small);
  const double mean = (expected - least) / range;
  const double strength = mean * (1 - mean) * range * range * n / variance - 1;
  const boost::math::beta_distribution<double> beta(mean * strength, (1 - mean) * strength);
  return {least + range * boost::math::quantile(beta, 0.025),
          least + range * boost::math::quantile(boost::math::complement(beta, 0.025))};
}

PhiBand band_of_means(const PhiMean& like) {
  // Panels of one shape repeat in every figure; a large one takes tenths of a second.
  thread_local std::map<std::array<std::int64_t, 4>, PhiBand> made;
  const auto [at, is_new] = made.try_emplace({like.rows, like.cols, like.dimension, like.pairs});
  PhiBand& band = at->second;
  if (!is_new) return band;
  for (std::int64_t i = 1; i <= like.rows; ++i)
    for (std::int64_t j = 1; j <= like.cols; ++j) {
      const auto [low, high] = band_of_mean(i, j, like.dimension, like.pairs);
      band.low.push_back(low);
      band.high.push_back(high);
    }
  return band;
}

std::vector<double> doubles_of(const Cell& blob) {
  const std::vector<float> values = floats_of_blob(text_in(blob));
  return {values.begin(), values.end()};
}

}  // namespace

std::vector<double> chance_phi(const PhiMean& like) {
  std::vector<double> values;
  for (std::int64_t i = 1; i <= like.rows; ++i)
    for (std::int64_t j = 1; j <= like.cols; ++j)
      values.push_back(static_cast<double>(std::max(i, j)) / static_cast<double>(like.dimension));
  return values;
}

PhiBand chance_band_of(ReportData& data, const PhiMean& like) {
  const std::vector<Row> rows = data.rows(
      "SELECT low, high FROM chance WHERE rows = ? AND cols = ? AND dimension = ? "
      "LIMIT 1",
      {like.rows, like.cols, like.dimension});
  if (rows.empty()) return {};
  if (like.pairs > 1) return band_of_means(like);
  PhiBand band{doubles_of(rows[0][0]), doubles_of(rows[0][1])};
  if (band.low.size() != like.values.size() || band.high.size() != like.values.size()) return {};
  return band;
}

}  // namespace rankscope
