#include "experiments/analysis/adapter_analysis.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "common/error.h"
#include "common/json_optional.h"
#include "common/parallel.h"
#include "engine/backend/cpu/thread_pool.h"
#include "experiments/analysis/site_amplification.h"
#include "metrics/subspace_similarity.h"

namespace rankscope {

namespace {

OrderedJson numbers(const RealVector& values) {
  OrderedJson list = OrderedJson::array();
  for (const double value : values) list.push_back(number_or_null(value));
  return list;
}

OrderedJson rows_of(const RealMatrix& matrix) {
  OrderedJson rows = OrderedJson::array();
  for (Eigen::Index i = 0; i < matrix.rows(); ++i) rows.push_back(numbers(matrix.row(i)));
  return rows;
}

std::string place(const SiteFactors& f) { return fmt::format("{} of layer {}", f.site, f.layer); }

}  // namespace

bool SiteFilter::admits(int at_layer, const std::string& at_site) const {
  return (!layer || *layer == at_layer) && (site.empty() || site == at_site);
}

OrderedJson spectrum_json(const SiteFactors& f) {
  const RealVector values = singular_of_update(f, cpu::available_processors()).values;
  OrderedJson json{{"layer", f.layer},
                   {"site", f.site},
                   {"rank", f.rank},
                   {"scale", f.scale},
                   {"singular_values", numbers(values)},
                   {"frobenius", values.norm()},
                   {"effective_rank", number_or_null(effective_rank(values))},
                   {"stable_rank", number_or_null(stable_rank(values))}};
  if (values.norm() == 0) json["undefined"] = OrderedJson::array({zero_update_reason(f)});
  return json;
}

std::array<LeadingVectors, 2> leading_vectors_of_both(const SiteFactors& one,
                                                      const SiteFactors& other,
                                                      Directions directions, std::int64_t top) {
  std::array<LeadingVectors, 2> vectors;
  parallel_for(2, cpu::available_processors(), [&](std::size_t i) {
    vectors[i] = leading_vectors(i == 0 ? one : other, directions);
    if (top > 0) vectors[i] = first_of(vectors[i], top);
  });
  return vectors;
}

OrderedJson phi_json(const SiteFactors& one, const SiteFactors& other, Directions directions,
                     std::optional<std::uint64_t> band_seed, std::int64_t top) {
  const bool left = directions == Directions::kUpdateLeft;
  const std::int64_t dimension = left ? one.out : one.in;
  if (dimension != (left ? other.out : other.in)) {
    throw InputError(
        fmt::format("the directions of {} and of {} lie in different spaces, of {} and {} "
                    "dimensions; phi compares subspaces of one space",
                    place(one), place(other), dimension, left ? other.out : other.in));
  }
  const auto count = [&](const SiteFactors& f) {
    const std::int64_t all =
        std::min({f.rank, f.in, directions == Directions::kA ? f.rank : f.out});
    return top == 0 ? all : std::min(all, top);
  };
  const Eigen::Index rows = count(one), cols = count(other);
  const auto [u, v] = leading_vectors_of_both(one, other, directions, top);
  const SharedDirections shared = shared_directions(u, v);
  const RealMatrix chance = chance_similarity(rows, cols, dimension);
  OrderedJson json;
  json["phi"] = rows_of(shared.phi);
  json["chance"] = rows_of(chance);
  json["chance_low"] = json["chance_high"] = nullptr;
  if (band_seed && std::max(rows, cols) <= kLargestBand) {
    const ChanceBand band =
        chance_band(rows, cols, dimension, *band_seed, kChanceDraws, cpu::available_processors());
    json["chance_low"] = rows_of(band.low);
    json["chance_high"] = rows_of(band.high);
  }
  json["dimension"] = dimension;
  json["projection_metric"] = json_or_null(shared.projection_metric);
  json["smallest_angle"] = json_or_null(shared.smallest_angle);
  json["largest_angle"] = json_or_null(shared.largest_angle);
  json["undefined"] = shared.undefined;
  return json;
}

OrderedJson amplification_json(const SiteFactors& f, const std::vector<float>& values,
                               std::uint64_t seed, int threads, std::int64_t top) {
  const WeightRows weight(values, f.out, f.in, threads);
  Singular update = singular_of_update(f, threads);
  double behind = 0;
  if (top > 0 && top < update.values.size()) {
    behind = update.values(top);
    update = Singular{.left = update.left.leftCols(top),
                      .values = update.values.head(top),
                      .right = update.right.leftCols(top)};
  }
  const SiteAmplification found = site_amplification(
      weight, weight_facts(weight, update.values.size(), seed), update, f, behind);
  OrderedJson json{{"layer", f.layer},
                   {"site", f.site},
                   {"rank", f.rank},
                   {"scale", f.scale},
                   {"update_norm", found.update_norm}};
  json["projected"] = json_or_null(found.projected);
  json["projected_weight"] = json_or_null(found.projected_weight);
  json["projected_random"] = found.projected_random;
  json["weight_norm"] = found.weight_norm;
  json["amplification"] = json_or_null(found.amplification);
  json["amplification_random"] = json_or_null(found.amplification_random);
  json["relative"] = json_or_null(found.relative);
  json["unscaled_update_norm"] = json_or_null(found.unscaled_update_norm);
  json["unscaled_amplification"] = json_or_null(found.unscaled_amplification);
  if (!found.undefined.empty()) json["undefined"] = found.undefined;
  return json;
}

}  // namespace rankscope
