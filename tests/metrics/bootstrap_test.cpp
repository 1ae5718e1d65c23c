// The bootstrap over examples: its resamples, and how often its intervals hold the truth.
#include "metrics/bootstrap.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "common/draws.h"

using namespace rankscope;

namespace {

std::vector<float> normals(std::size_t count, std::uint64_t number) {
  std::vector<float> values(count);
  Draws(1, "test bootstrap", "values", number).fill_normal(values);
  return values;
}

double mean_at(const std::vector<float>& values, std::span<const std::int64_t> indices) {
  double sum = 0;
  for (const std::int64_t i : indices) sum += values[static_cast<std::size_t>(i)];
  return sum / static_cast<double>(indices.size());
}

}  // namespace

TEST_CASE("a resample has as many indices as there are examples, by the keyed generator") {
  std::vector<std::vector<std::int64_t>> resamples;
  bootstrap_interval(
      7,
      [&](std::span<const std::int64_t> indices) {
        resamples.emplace_back(indices.begin(), indices.end());
        return 0.0;
      },
      11, 50);
  REQUIRE(resamples.size() == 50);
  for (std::size_t n = 0; n < resamples.size(); ++n) {
    REQUIRE(resamples[n].size() == 7);
    const Draws draws(11, "bootstrap", "examples", n);
    for (std::size_t e = 0; e < 7; ++e)
      CHECK(resamples[n][e] == static_cast<std::int64_t>(draws.below(e, 7)));
  }
}

TEST_CASE("the interval leaves as many resamples below it as above it") {
  // The scores are 0 .. 999 in a scrambled order.
  int calls = 0;
  const auto score = [&](std::span<const std::int64_t>) { return double(calls++ * 7 % 1000); };
  const Interval wide = bootstrap_interval(3, score, 1, 1000);
  CHECK(wide.low == 24);
  CHECK(wide.high == 975);
  calls = 0;
  const Interval narrow = bootstrap_interval(3, score, 1, 1000, 0.5);
  CHECK(narrow.low == 249);
  CHECK(narrow.high == 750);
}

TEST_CASE("the bootstrap of a mean is near its standard error, and the same for the same seed") {
  const std::vector<float> values = normals(400, 0);
  std::vector<std::int64_t> all(values.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
  const double mean = mean_at(values, all);
  double squares = 0;
  for (const float value : values) squares += (value - mean) * (value - mean);
  const double error = std::sqrt(squares / 400 / 400);
  const auto score = [&](std::span<const std::int64_t> indices) {
    return mean_at(values, indices);
  };
  const Interval interval = bootstrap_interval(400, score, 3);
  CHECK(interval.high - interval.low == Approx(2 * 1.96 * error).epsilon(0.08));
  CHECK((interval.high + interval.low) / 2 == Approx(mean).margin(0.15 * error));
  CHECK(bootstrap_interval(400, score, 3).low == interval.low);
  CHECK(bootstrap_interval(400, score, 4).low != interval.low);
}

TEST_CASE("bootstrap intervals of a mean and of a ratio of sums hold the truth") {
  constexpr int kSets = 400, kExamples = 100;
  int mean_held = 0, ratio_held = 0;
  for (int n = 0; n < kSets; ++n) {
    const std::vector<float> values = normals(kExamples, static_cast<std::uint64_t>(1 + n));
    const Interval mean = bootstrap_interval(
        kExamples, [&](std::span<const std::int64_t> i) { return mean_at(values, i); },
        static_cast<std::uint64_t>(n), 400);
    mean_held += mean.low <= 0 && 0 <= mean.high;
    // E exp(x) / E exp(2 x) of x with deviation 0.3: exp(0.045 - 0.18).
    const Interval ratio = bootstrap_interval(
        kExamples,
        [&](std::span<const std::int64_t> indices) {
          double above = 0, below = 0;
          for (const std::int64_t i : indices) {
            const double x = 0.3 * values[static_cast<std::size_t>(i)];
            above += std::exp(x);
            below += std::exp(2 * x);
          }
          return above / below;
        },
        static_cast<std::uint64_t>(n), 400);
    const double truth = std::exp(0.045 - 0.18);
    ratio_held += ratio.low <= truth && truth <= ratio.high;
  }
  const double deviations = 3 * std::sqrt(0.95 * 0.05 / kSets);
  CAPTURE(mean_held, ratio_held);
  CHECK(std::abs(static_cast<double>(mean_held) / kSets - 0.945) < deviations);
  CHECK(std::abs(static_cast<double>(ratio_held) / kSets - 0.94) < deviations);
}

TEST_CASE("the bootstrap refuses what it cannot resample") {
  const auto zero = [](std::span<const std::int64_t>) { return 0.0; };
  const auto nan = [](std::span<const std::int64_t>) {
    return std::numeric_limits<double>::quiet_NaN();
  };
  CHECK_THROWS_AS(bootstrap_interval(0, zero, 1), std::invalid_argument);
  CHECK_THROWS_AS(bootstrap_interval(5, nan, 1), std::invalid_argument);
  CHECK_THROWS_AS(bootstrap_interval(5, zero, 1, 2000, 1), std::invalid_argument);
  CHECK_THROWS_AS(bootstrap_interval(5, zero, 1, 38), std::invalid_argument);
  CHECK_NOTHROW(bootstrap_interval(5, zero, 1, 39));
}
