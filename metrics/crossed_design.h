// Scores of runs that differ in their seed, all on the same examples: how far a mean, or the
// difference of two groups of runs, would move with other seeds and other examples. A group's
// outcomes are a matrix [seeds, examples], one run a row, one example a column, the same example in
// the same column of every group; seeds belong to their group. Outcomes lie in 0 .. 1; of 0 and 1
// alone they are binary.
//
// The model is outcome = mean + seed + example + residual with seeds and examples both drawn at
// random (crossed random effects). Of groups g with S_g seeds and E examples, s2_g the variance of
// the seed means, s2_D that over examples of D, the mean over seeds (the difference of these
// means), and MSE_g the residual mean square of seeds by examples:
//
//   seeds    = sum of s2_g / S_g
//   examples = s2_D / E - sum of MSE_g / (S_g E), at least 0
//   variance = seeds + examples
//
// As s2_g holds the residuals' part too, what s2_D has of it is taken off. Each s2_g has S_g - 1
// degrees of freedom, examples E - 1, and quantiles are put together at 97.5 %, `df` being where
// Student's t has the result:
//
//   of the whole, by Cochran and Cox (1950): the mean of the two parts' quantiles, weighted with
//   the parts. Satterthwaite's df (1946) of the whole rises where seeds agree by chance, and at two
//   seeds a 95 % interval covers 90 %.
//
//   of the seeds' part, by Satterthwaite where the groups have equally many. The more unlike they
//   are, the more of Cochran and Cox enters, (S_more - S_less) / (S_more + S_less - 2) of it: two
//   seeds against ten fail Satterthwaite for the same reason.
//
// Counts of right answers tie by chance: for the quantiles, s2_g of binary outcomes is taken
// 1 / (2 E^2) larger, as of two counts one apart, and where all seed means are equal examples is
// s2_D / E.
//
// A fixed side of a difference is one row that no seed could change, as of an untrained model: its
// s2_g and MSE_g are 0 by what it is, and no degrees of freedom go with them, so seeds is the other
// side's part alone. Its examples are drawn as all are: examples is as above, of D with its row. So
// a difference from it is the mean, over seeds and examples, of what each outcome differs by.
//
// All functions throw std::invalid_argument for no seeds, fewer than two examples, values that are
// not finite, columns that do not match, and a fixed side of another number of rows than one. A
// group of one seed that is not fixed has no s2_g and MSE_g: `verdict` is false.
#pragma once

#include <cstdint>
#include <optional>

#include "metrics/estimate.h"
#include "metrics/singular.h"

namespace rankscope {

// All that estimates need of a group's outcomes: where each of many groups is compared with all
// others, its matrix is read once.
struct CrossedGroup {
  explicit CrossedGroup(const RealMatrix& outcomes);

  double seeds = 0, examples = 0;
  double mean = 0;
  RealVector example_means;  // [examples], over seeds
  double seed_variance = 0;  // s2_g; 0 of one seed
  double residual = 0;       // MSE_g; 0 of one seed
  bool binary = false;
};

// Where all outcomes agree, half a square is added to the sum of squares over examples, as of half
// an example of the other outcome: no estimate is free of doubt.
Estimate mean_estimate(const RealMatrix& outcomes);

// Of binary outcomes Wilson's interval (1927) with p (1 - p) / variance as the number of examples
// (E where all agree) and Student's quantile; else interval(mean_estimate), of outcomes from 0 to 1
// no further than to those. 0 < confidence < 1.
Interval mean_interval(const RealMatrix& outcomes, double confidence = 0.95);

// Which sides of a difference are fixed.
struct FixedSides {
  bool left = false, right = false;
};

// left - right. To the sum of squares of binary outcomes' D is added half an example that a seed
// decides differently each way for every seed, (1 / S_left + 1 / S_right) / 2: of single runs, 1
// (Agresti and Min 2005); a fixed side is a single run in this. Where neither seeds nor examples
// differ, 1 whatever the outcomes.
Estimate difference_estimate(const CrossedGroup& left, const CrossedGroup& right,
                             FixedSides fixed = {});
Estimate difference_estimate(const RealMatrix& left, const RealMatrix& right,
                             FixedSides fixed = {});

// Seeds in each group that is not fixed, and scored examples, with which a |difference| of `size` >
// 0 would be told from 0 with power 0.8 at two-sided 0.05, if the parts of the variance are as
// estimated here: seeds at these examples, examples at these seeds. None where no number up to
// 10,000 seeds or 1e7 examples suffices, where a group has one seed and is not fixed, and of seeds
// where both groups are fixed.
struct Needed {
  std::optional<std::int64_t> seeds, examples;
};
Needed needed_for(const RealMatrix& left, const RealMatrix& right, double size,
                  FixedSides fixed = {});

}  // namespace rankscope
