// Which groups cannot be told from the best.
#include "metrics/best_set.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "metrics/crossed_design.h"
#include "metrics/verdict.h"
#include "tests/metrics/synthetic_outcomes.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

using Indices = std::vector<std::size_t>;

}  // namespace

TEST_CASE("what lies clearly below the best is left out, what lies near it is not") {
  const SyntheticExamples set("best", 0, 400);
  const double variance = 0.0004;
  const std::vector<RealMatrix> groups = {
      set.binary("a", 5, 0.3, variance), set.binary("b", 5, 0.7, variance),
      set.binary("c", 4, 0.69, variance), set.binary("d", 5, 0.5, variance)};
  CHECK(best_set(groups) == Indices{1, 2});
  // At an alpha of next to nothing none can be told apart.
  CHECK(best_set(groups, 1e-30) == Indices{0, 1, 2, 3});
}

TEST_CASE("a group of one seed is told from none") {
  const SyntheticExamples set("best", 1, 400);
  const std::vector<RealMatrix> groups = {set.binary("a", 5, 0.3, 0), set.binary("b", 5, 0.7, 0),
                                          set.binary("c", 1, 0.1, 0), set.binary("d", 1, 0.95, 0)};
  CHECK(best_set(groups) == Indices{1, 2, 3});
  CHECK(best_set(std::vector<RealMatrix>{groups[2], groups[3]}) == Indices{0, 1});
}

TEST_CASE("groups of one seed are none of the comparisons that Holm's adjustment is over") {
  const SyntheticExamples set("best", 2, 100);
  std::vector<RealMatrix> groups = {set.binary("a", 5, 0.4, 0.0004),
                                    set.binary("b", 5, 0.6, 0.0004)};
  const double p = p_below(difference_estimate(groups[0], groups[1]), 0);
  REQUIRE(p > 0);
  REQUIRE(p < 0.25);
  for (int g = 0; g < 10; ++g) groups.push_back(set.binary("one" + std::to_string(g), 1, 0.5, 0));
  Indices without_first(groups.size() - 1);
  std::iota(without_first.begin(), without_first.end(), std::size_t{1});
  // One comparison has a p-value of at most twice p, eleven would not.
  CHECK(best_set(groups, 2 * p) == without_first);
}

TEST_CASE("the best of one group, of none, and of equal ones") {
  CHECK(best_set({}).empty());
  const RealMatrix ones = RealMatrix::Ones(3, 20);
  CHECK(best_set(std::vector<RealMatrix>{ones}) == Indices{0});
  CHECK(best_set(std::vector<RealMatrix>{ones, ones, ones}) == Indices{0, 1, 2});
  CHECK(best_set(std::vector<RealMatrix>{RealMatrix::Ones(1, 1)}) == Indices{0});
  CHECK_THROWS_AS(best_set(std::vector<RealMatrix>{ones}, 0), std::invalid_argument);
  CHECK_THROWS_AS(best_set(std::vector<RealMatrix>{ones}, 1), std::invalid_argument);
  CHECK_THROWS_AS(best_set(std::vector<RealMatrix>{ones, RealMatrix::Ones(3, 21)}),
                  std::invalid_argument);
}

TEST_CASE("groups that are read once are compared as two matrices are, to the last bit") {
  for (std::uint64_t number = 0; number < 8; ++number) {
    const SyntheticExamples set("pairs", number, 60);
    std::vector<RealMatrix> groups;
    for (int g = 0; g < 7; ++g) {
      const double p = 0.4 + 0.05 * g;
      const std::string name = std::to_string(g);
      groups.push_back(g % 3 == 2 ? set.rouge(name, 3, 0.001) : set.binary(name, 1 + g, p, 0.002));
    }
    groups.push_back(groups[1]);
    const std::vector<CrossedGroup> read(groups.begin(), groups.end());
    std::vector<std::vector<double>> below(groups.size());
    for (std::size_t i = 0; i < groups.size(); ++i) {
      for (std::size_t j = 0; j < groups.size(); ++j) {
        if (i == j) continue;
        const bool one_row = groups[j].rows() == 1;
        const Estimate expected = difference_estimate(groups[i], groups[j], {.right = one_row});
        const Estimate got = difference_estimate(read[i], read[j], {.right = one_row});
        CHECK(got.value == expected.value);
        CHECK(got.variance == expected.variance);
        CHECK(got.df == expected.df);
        CHECK(got.verdict == expected.verdict);
        if (i > j) continue;
        const Estimate pair = difference_estimate(groups[i], groups[j]);
        if (!pair.verdict) continue;
        below[i].push_back(p_below(pair, 0));
        below[j].push_back(p_above(pair, 0));
      }
    }
    for (const double alpha : {0.01, 0.05, 0.3}) {
      Indices expected;
      for (std::size_t i = 0; i < groups.size(); ++i)
        if (below[i].empty() || std::ranges::min(holm_adjusted(below[i])) > alpha)
          expected.push_back(i);
      CHECK(best_set(groups, alpha) == expected);
    }
  }
}

TEST_CASE("the best is left out of few sets, however many equal it") {
  constexpr int kSets = 600, kGroups = 6;
  int left_out = 0;
  for (int n = 0; n < kSets; ++n) {
    const SyntheticExamples set("best among equals", static_cast<std::uint64_t>(n), 100);
    std::vector<RealMatrix> groups;
    for (int g = 0; g < kGroups; ++g)
      groups.push_back(set.binary(std::to_string(g), 5, 0.5, 0.0025));
    const Indices best = best_set(groups);
    left_out += std::ranges::find(best, 0u) == best.end();
  }
  CAPTURE(left_out);
  CHECK(static_cast<double>(left_out) / kSets <= 0.05 + 3 * std::sqrt(0.05 * 0.95 / kSets));
}
