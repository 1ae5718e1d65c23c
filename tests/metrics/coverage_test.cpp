// Whether nominal 95 % intervals of means and of differences hold the truth in 94 to 98 % of
// synthetic sets, 99 at two seeds, where Student's t has one degree of freedom or two and what is
// honest is wide.
#include "tests/metrics/coverage.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <initializer_list>

using namespace rankscope;
using namespace rankscope::tests;

namespace {

// `errors`: how many of the simulation's standard errors a bound may be passed by.
void check_coverage(double coverage, double low, Eigen::Index seeds, int sets, double errors) {
  const double high = seeds == 2 ? 0.99 : 0.98;
  const auto error = [&](double bound) { return errors * std::sqrt(bound * (1 - bound) / sets); };
  CHECK(coverage >= low - error(low));
  CHECK(coverage <= high + error(high));
}

void check_cell(const Cell& cell, int sets, double errors) {
  const Coverage covered = coverage_of(cell, sets);
  INFO(cell.name() << ": differences " << covered.difference << ", means " << covered.mean);
  const Eigen::Index less = std::min(cell.left.seeds, cell.right.seeds);
  // Two seeds whose scatter outweighs that of many: most of the variance is an s2 of one degree of
  // freedom, often drawn small.
  const double low = less == 2 && cell.left.seeds != cell.right.seeds ? 0.93 : 0.94;
  check_coverage(covered.difference, low, less, sets, errors);
  check_coverage(covered.mean, 0.94, cell.left.seeds, sets, errors);
}

// The left seeds scatter.
Cell unlike(Eigen::Index left, Eigen::Index right, double right_share) {
  return {.examples = 200,
          .left = {.seeds = left, .p = 0.6, .share = 0.8},
          .right = {.seeds = right, .p = 0.5, .share = right_share}};
}

void check_all_cells(Eigen::Index examples, int sets) {
  for (const Eigen::Index seeds : {2, 3, 5, 10})
    for (const double p : {0.05, 0.2, 0.5, 0.8, 0.95, 0.0})
      for (const double share : {0.0, 0.2, 0.8})
        check_cell(alike(examples, {.seeds = seeds, .p = p, .share = share}), sets, 1);
}

}  // namespace

TEST_CASE("intervals hold the truth as often as they say, in a few cells") {
  for (const Eigen::Index seeds : {2, 5})
    for (const double p : {0.05, 0.5, 0.0})
      for (const double share : {0.0, 0.8})
        check_cell(alike(100, {.seeds = seeds, .p = p, .share = share}), 800, 3);
  check_cell(unlike(2, 10, 0.2), 800, 3);
}

TEST_CASE("intervals hold the truth as often as they say, of 100 examples", "[.simulation]") {
  check_all_cells(100, 6000);
}

TEST_CASE("intervals hold the truth as often as they say, of 500 examples", "[.simulation]") {
  check_all_cells(500, 4000);
}

TEST_CASE("intervals hold the truth as often as they say, of 2000 examples", "[.simulation]") {
  check_all_cells(2000, 2000);
}

TEST_CASE("intervals hold the truth as often as they say, of groups unlike each other",
          "[.simulation]") {
  for (const Eigen::Index left : {2, 3, 5})
    for (const Eigen::Index right : {2, 5, 10})
      for (const double share : {0.0, 0.2, 0.8}) check_cell(unlike(left, right, share), 4000, 1);
}
