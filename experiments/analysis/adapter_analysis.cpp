#include "experiments/analysis/adapter_analysis.h"

#include <fmt/format.h>

#include <cmath>
#include <stdexcept>

#include "common/error.h"
#include "metrics/amplification.h"
#include "metrics/subspace_similarity.h"

namespace rankscope {

namespace {

constexpr const char* kNoUpdate = "the update is zero: B has not moved from its start";

RealMatrix matrix_of(const std::vector<float>& values, std::int64_t rows, std::int64_t cols) {
  using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  return Eigen::Map<const RowMajor>(values.data(), rows, cols).cast<double>();
}

OrderedJson numbers(const RealVector& values) {
  OrderedJson list = OrderedJson::array();
  for (const double value : values) list.push_back(value);
  return list;
}

OrderedJson number_or_null(double value) { return std::isfinite(value) ? OrderedJson(value) : nullptr; }

// Vectors as columns, and after which of them a cut determines their span.
struct LeadingVectors {
  RealMatrix vectors;
  std::vector<bool> determined;
};

LeadingVectors leading_vectors(const SiteFactors& f, Directions directions) {
  if (directions == Directions::kA) {
    Singular a = singular_of_factor(matrix_of(f.a, f.rank, f.in));
    return {std::move(a.right), determined_spans(a.values, f.in)};
  }
  Singular update = singular_of_update(f);
  return directions == Directions::kUpdate
             ? LeadingVectors{std::move(update.right), determined_spans(update.values, f.in)}
             : LeadingVectors{std::move(update.left), determined_spans(update.values, f.out)};
}

std::string place(const SiteFactors& f) { return fmt::format("{} of layer {}", f.site, f.layer); }

}  // namespace

std::optional<Directions> directions_of(std::string_view word) {
  if (word == "a") return Directions::kA;
  if (word == "dw") return Directions::kUpdate;
  if (word == "dw_left") return Directions::kUpdateLeft;
  return std::nullopt;
}

bool SiteFilter::admits(const SiteFactors& factors) const {
  return (!layer || *layer == factors.layer) && (site.empty() || site == factors.site);
}

Singular singular_of_update(const SiteFactors& f) {
  return singular_of_update(matrix_of(f.b, f.out, f.rank), matrix_of(f.a, f.rank, f.in), f.scale);
}

OrderedJson spectrum_json(const SiteFactors& f) {
  const RealVector values = singular_of_update(f).values;
  OrderedJson json{{"layer", f.layer}, {"site", f.site}, {"rank", f.rank}, {"scale", f.scale},
                   {"singular_values", numbers(values)}, {"frobenius", values.norm()},
                   {"effective_rank", number_or_null(effective_rank(values))},
                   {"stable_rank", number_or_null(stable_rank(values))}};
  if (values.norm() == 0) json["undefined"] = kNoUpdate;
  return json;
}

OrderedJson phi_json(const SiteFactors& one, const SiteFactors& other, Directions directions,
                     std::uint64_t seed) {
  const bool left = directions == Directions::kUpdateLeft;
  const std::int64_t dimension = left ? one.out : one.in;
  if (dimension != (left ? other.out : other.in)) {
    throw InputError(fmt::format("the directions of {} and of {} lie in different spaces, of {} and {} "
                                 "dimensions; phi compares subspaces of one space",
                                 place(one), place(other), dimension, left ? other.out : other.in));
  }
  const LeadingVectors u = leading_vectors(one, directions), v = leading_vectors(other, directions);
  const RealMatrix phi = subspace_similarity(u.vectors, v.vectors);
  const RealMatrix chance = chance_similarity(phi.rows(), phi.cols(), dimension);
  const ChanceBand band = chance_band(phi.rows(), phi.cols(), dimension, seed);
  OrderedJson json;
  for (const char* key : {"phi", "chance", "chance_low", "chance_high"})
    json[key] = OrderedJson::array();
  for (Eigen::Index i = 0; i < phi.rows(); ++i) {
    OrderedJson row = OrderedJson::array();
    for (Eigen::Index j = 0; j < phi.cols(); ++j) {
      const bool defined = u.determined[static_cast<std::size_t>(i)] &&
                           v.determined[static_cast<std::size_t>(j)];
      row.push_back(defined ? OrderedJson(phi(i, j)) : nullptr);
    }
    json["phi"].push_back(std::move(row));
    json["chance"].push_back(numbers(chance.row(i)));
    json["chance_low"].push_back(numbers(band.low.row(i)));
    json["chance_high"].push_back(numbers(band.high.row(i)));
  }
  json["dimension"] = dimension;
  json["undefined"] = OrderedJson::array();
  const auto explain = [&](const char* index, const LeadingVectors& vectors) {
    for (std::size_t k = 0; k < vectors.determined.size(); ++k) {
      if (vectors.determined[k]) continue;
      json["undefined"].push_back(
          fmt::format("{} = {}: the singular values {} and {} are equal, or zero", index, k + 1, k + 1, k + 2));
    }
  };
  explain("i", u);
  explain("j", v);
  return json;
}

std::vector<float> site_weight(const Model& model, const SiteSpec& spec) {
  const WeightView view = model.view(spec.weight);
  std::vector<float> values(static_cast<std::size_t>(spec.out * spec.in));
  if (spec.stored_transposed) {
    copy_as_float(view, spec.begin * spec.in, spec.out * spec.in, values.data());
    return values;
  }
  std::vector<float> row(static_cast<std::size_t>(spec.out));
  for (std::int64_t i = 0; i < spec.in; ++i) {
    copy_as_float(view, i * view.cols + spec.begin, spec.out, row.data());
    for (std::int64_t o = 0; o < spec.out; ++o)
      values[static_cast<std::size_t>(o * spec.in + i)] = row[static_cast<std::size_t>(o)];
  }
  return values;
}

OrderedJson amplification_json(const SiteFactors& f, const std::vector<float>& values,
                               std::uint64_t seed) {
  const WeightRows weight(values, f.out, f.in);
  const Singular update = singular_of_update(f);
  const Amplification found = amplification_of(weight, update);
  const Eigen::Index rank = update.values.size();
  const double weight_norm = weight.frobenius();
  const double random = random_projected_norm(weight, weight_norm, rank);
  OrderedJson json{{"layer", f.layer}, {"site", f.site}, {"rank", f.rank}, {"scale", f.scale},
                   {"update_norm", found.update_norm}};
  // U and V of a zero update are any.
  const bool moved = found.update_norm > 0;
  json["projected"] = moved ? OrderedJson(found.projected) : nullptr;
  json["projected_weight"] = nullptr;
  json["projected_random"] = random;
  json["weight_norm"] = weight_norm;
  std::vector<std::string> reasons;
  try {
    json["projected_weight"] = leading_singular(weight, rank, seed).values.norm();
  } catch (const std::runtime_error& error) {
    reasons.emplace_back(error.what());
  }
  const auto ratio = [](double above, double below) -> OrderedJson {
    return above > 0 && below > 0 ? OrderedJson(above / below) : nullptr;
  };
  json["amplification"] = found.factor ? OrderedJson(*found.factor) : nullptr;
  json["amplification_random"] = ratio(found.update_norm, random);
  json["relative"] = moved ? ratio(random, found.projected) : nullptr;
  json["unscaled_update_norm"] = found.update_norm / f.scale;
  json["unscaled_amplification"] = found.factor ? OrderedJson(*found.factor / f.scale) : nullptr;
  if (!moved) reasons.emplace_back(kNoUpdate);
  if (moved && !found.factor) reasons.emplace_back("nothing of W lies in the update's directions");
  if (!reasons.empty()) json["undefined"] = reasons;
  return json;
}

}  // namespace rankscope
