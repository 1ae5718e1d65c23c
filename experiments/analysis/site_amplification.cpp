#include "experiments/analysis/site_amplification.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "common/error.h"
#include "common/text.h"
#include "experiments/analysis/site_vectors.h"
#include "metrics/gram_singular.h"

namespace rankscope {

namespace {

// Up to this width the whole matrix is reduced faster than a basis for the search is built, and no
// gap is needed behind the last triple.
constexpr Eigen::Index kDense = 2048;
// Singular values up to so much of the largest are zeros that were rounded (singular.h).
constexpr double kZeroValue = 1e-12;

}  // namespace

std::vector<float> site_weight(const Model& model, const SiteSpec& spec) {
  std::vector<float> values(static_cast<std::size_t>(spec.out * spec.in));
  if (spec.stored_transposed) {
    model.copy_values(spec.weight, spec.begin * spec.in, spec.out * spec.in, values.data());
    return values;
  }
  const std::int64_t cols = model.shape().find_tensor(spec.weight)->shape[1];
  std::vector<float> row(static_cast<std::size_t>(spec.out));
  for (std::int64_t i = 0; i < spec.in; ++i) {
    model.copy_values(spec.weight, i * cols + spec.begin, spec.out, row.data());
    for (std::int64_t o = 0; o < spec.out; ++o)
      values[static_cast<std::size_t>(o * spec.in + i)] = row[static_cast<std::size_t>(o)];
  }
  return values;
}

const SiteSpec& spec_of(const SiteFactors& f, const Model& model, const std::string& folder) {
  const std::optional<SiteKind> kind = site_kind(f.site);
  const SiteSpec* spec = kind ? model.shape().find({f.layer, *kind}) : nullptr;
  if (spec != nullptr && spec->in == f.in && spec->out == f.out) return *spec;
  throw InputError(
      fmt::format("{}: {} of layer {} is [{}, {}] in the adapter, and {} here; give the "
                  "base that the adapter was trained on",
                  printable(folder), f.site, f.layer, f.out, f.in,
                  spec == nullptr ? "not" : fmt::format("[{}, {}]", spec->out, spec->in)));
}

WeightFacts weight_facts(const WeightRows& weight, Eigen::Index k, std::uint64_t seed) {
  WeightFacts facts{.norm = weight.frobenius(), .leading = std::nullopt, .reason = {}};
  k = std::min({k, weight.rows(), weight.cols()});
  if (std::min(weight.rows(), weight.cols()) <= kDense) {
    facts.leading = leading_singular_of(weight.dense(), k, 1e-10, weight.threads());
    return facts;
  }
  try {
    facts.leading = leading_singular(weight, k, seed);
  } catch (const std::runtime_error& error) {
    facts.reason = error.what();
  }
  return facts;
}

SiteAmplification site_amplification(const WeightRows& weight, const WeightFacts& facts,
                                     const Singular& update, const SiteFactors& factors,
                                     double behind) {
  const Amplification found = amplification_of(weight, update);
  const Eigen::Index rank = update.values.size();
  SiteAmplification result;
  result.update_norm = found.update_norm;
  result.weight_norm = facts.norm;
  result.projected_random = random_projected_norm(weight, facts.norm, rank);
  if (facts.leading && facts.leading->values.size() >= rank) {
    result.projected_weight = facts.leading->values.head(rank).norm();
  } else {
    result.undefined.push_back(facts.leading ? "fewer triples of W are at hand" : facts.reason);
  }
  const auto ratio = [](double above, double below) -> std::optional<double> {
    return above > 0 && below > 0 ? std::optional(above / below) : std::nullopt;
  };
  // U and V of a zero update are any, and so are the last of one of a lower rank than its factors.
  const bool moved = found.update_norm > 0;
  const Eigen::Index own_rank = (update.values.array() > kZeroValue * update.values(0)).count();
  const bool cut =
      behind == 0 || update.values(rank - 1) - behind > kSingularGap * update.values(0);
  const bool determined = moved && own_rank == rank && cut;
  if (determined) {
    result.projected = found.projected;
    result.relative = ratio(result.projected_random, found.projected);
  }
  if (determined) result.amplification = found.factor;
  result.amplification_random = ratio(found.update_norm, result.projected_random);
  if (factors.scale != 0) {
    result.unscaled_update_norm = found.update_norm / std::abs(factors.scale);
    if (result.amplification)
      result.unscaled_amplification = *result.amplification / std::abs(factors.scale);
  }
  if (!moved) result.undefined.emplace_back(zero_update_reason(factors));
  if (moved && own_rank == rank && !cut)
    result.undefined.push_back(fmt::format(
        "singular values {} and {} of the update differ by less than {} of the largest: the "
        "directions are any",
        rank, rank + 1, kSingularGap));
  if (moved && own_rank < rank)
    result.undefined.push_back(
        fmt::format("the update is of rank {}: of the {} directions asked for the others are any",
                    own_rank, rank));
  if (determined && !found.factor)
    result.undefined.emplace_back("nothing of W lies in the update's directions");
  return result;
}

}  // namespace rankscope
