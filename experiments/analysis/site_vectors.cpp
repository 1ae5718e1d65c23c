#include "experiments/analysis/site_vectors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <stdexcept>

#include "metrics/subspace_similarity.h"

namespace rankscope {

std::optional<Directions> directions_of(std::string_view word) {
  if (word == "a") return Directions::kA;
  if (word == "dw") return Directions::kUpdate;
  if (word == "dw_left") return Directions::kUpdateLeft;
  return std::nullopt;
}

RealMatrix matrix_of(const std::vector<float>& values, std::int64_t rows, std::int64_t cols) {
  using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  return Eigen::Map<const RowMajor>(values.data(), rows, cols).cast<double>();
}

Singular singular_of_update(const SiteFactors& f, int threads, UpdateSides sides) {
  return singular_of_update(FactorRows(f.b, f.out, f.rank), FactorRows(f.a, f.rank, f.in), f.scale,
                            threads, sides);
}

const char* zero_update_reason(const SiteFactors& f) {
  if (f.of_checkpoint) return "the update is zero: the matrix is that of the base";
  return f.scale == 0 ? "the update is zero: its scale is, by an alpha of 0"
                      : "the update is zero: B has not moved from its start";
}

LeadingVectors first_of(const LeadingVectors& all, Eigen::Index count) {
  count = std::min(count, all.vectors.cols());
  return {all.vectors.leftCols(count), {all.determined.begin(), all.determined.begin() + count}};
}

LeadingVectors leading_vectors_of_a(const std::vector<float>& values, std::int64_t rank,
                                    std::int64_t d_in) {
  Singular a = singular_of_factor(FactorRows(values, rank, d_in));
  return {std::move(a.right), determined_spans(a.values, d_in)};
}

LeadingVectors leading_vectors(const SiteFactors& f, Directions directions) {
  if (directions == Directions::kA) return leading_vectors_of_a(f.a, f.rank, f.in);
  const bool right = directions == Directions::kUpdate;
  Singular update = singular_of_update(f, 1, right ? UpdateSides::kRight : UpdateSides::kLeft);
  return {right ? std::move(update.right) : std::move(update.left),
          determined_spans(update.values, right ? f.in : f.out)};
}

LeadingVectors leading_vectors(const SiteFactors& f, const Singular& update,
                               Directions directions) {
  switch (directions) {
    case Directions::kA:
      return leading_vectors_of_a(f.a, f.rank, f.in);
    case Directions::kUpdate:
      return {update.right, determined_spans(update.values, f.in)};
    case Directions::kUpdateLeft:
      return {update.left, determined_spans(update.values, f.out)};
  }
  throw std::logic_error("unknown directions");
}

SharedDirections shared_directions(const LeadingVectors& one, const LeadingVectors& other) {
  SharedDirections shared;
  const RealMatrix products = dot_products(one.vectors, other.vectors);
  shared.phi = subspace_similarity(products);
  const double dimension = static_cast<double>(one.vectors.rows());
  double excess = 0;
  std::int64_t counted = 0;
  for (Eigen::Index j = 0; j < shared.phi.cols(); ++j) {
    for (Eigen::Index i = 0; i < shared.phi.rows(); ++i) {
      if (!one.determined[static_cast<std::size_t>(i)] ||
          !other.determined[static_cast<std::size_t>(j)]) {
        shared.phi(i, j) = std::numeric_limits<double>::quiet_NaN();
        continue;
      }
      const double chance = static_cast<double>(std::max(i, j) + 1) / dimension;
      if (chance >= 1) continue;
      excess += (shared.phi(i, j) - chance) / (1 - chance);
      ++counted;
    }
  }
  if (counted > 0) shared.mean_excess = excess / static_cast<double>(counted);
  const auto explain = [&](const char* index, const LeadingVectors& vectors) {
    for (std::size_t k = 0; k < vectors.determined.size(); ++k) {
      if (vectors.determined[k]) continue;
      shared.undefined.push_back(fmt::format(
          "{} = {}: the singular values {} and {} are equal, or zero", index, k + 1, k + 1, k + 2));
    }
  };
  explain("i", one);
  explain("j", other);
  if (one.determined.back() && other.determined.back()) {
    const RealVector cosines = principal_cosines(products);
    const auto degrees = [](double cosine) {
      return std::acos(std::clamp(cosine, 0.0, 1.0)) * 180 / std::numbers::pi;
    };
    shared.smallest_angle = degrees(cosines[0]);
    shared.largest_angle = degrees(cosines[cosines.size() - 1]);
    shared.projection_metric = projection_metric(products);
  }
  return shared;
}

}  // namespace rankscope
