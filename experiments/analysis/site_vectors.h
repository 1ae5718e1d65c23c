// The directions of one site's update, and what two updates share of theirs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/checkpoint/adapter_factors.h"
#include "metrics/singular.h"

namespace rankscope {

// Which directions of an update stand for it: the right singular vectors of A (the paper's choice),
// the right or the left ones of dW = scale B A (footnote 7).
enum class Directions { kA, kUpdate, kUpdateLeft };
// "a", "dw" or "dw_left"; none for another word.
std::optional<Directions> directions_of(std::string_view word);

// Values [rows, cols], row-major.
RealMatrix matrix_of(const std::vector<float>& values, std::int64_t rows, std::int64_t cols);

Singular singular_of_update(const SiteFactors& factors, int threads = 1,
                            UpdateSides sides = UpdateSides::kBoth);

// Why much of a zero update has no value.
const char* zero_update_reason(const SiteFactors& factors);

// Orthonormal columns in R^dimension, and at [k - 1] whether the first k have a span of their own
// (determined_spans).
struct LeadingVectors {
  RealMatrix vectors;
  std::vector<bool> determined;
};
// At most `count` of them.
LeadingVectors first_of(const LeadingVectors& all, Eigen::Index count);
LeadingVectors leading_vectors(const SiteFactors& factors, Directions directions);
// Where the triples of the factors' dW are at hand.
LeadingVectors leading_vectors(const SiteFactors& factors, const Singular& update,
                               Directions directions);
LeadingVectors leading_vectors_of_a(const std::vector<float>& a, std::int64_t rank,
                                    std::int64_t d_in);

// phi(i, j) of the two, and what follows from it.
struct SharedDirections {
  RealMatrix phi;                                       // [i - 1, j - 1]; NaN where undefined
  std::vector<std::string> undefined;                   // why, for each such i and j
  std::optional<double> projection_metric;              // over all directions of both (appendix G)
  std::optional<double> smallest_angle, largest_angle;  // principal, in degrees
  // Of (phi - chance) / (1 - chance) over all i and j that are defined and below certainty.
  std::optional<double> mean_excess;
};
// Both of one space.
SharedDirections shared_directions(const LeadingVectors& one, const LeadingVectors& other);

}  // namespace rankscope
