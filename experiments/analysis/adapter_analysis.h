// The subspace analysis of adapters (arXiv 2106.09685, section 7) as JSON, for `analyze` and for sweeps.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/json.h"
#include "engine/checkpoint/adapter_factors.h"
#include "engine/models/model.h"
#include "metrics/singular.h"

namespace rankscope {

// Which directions of an update stand for it: the right singular vectors of A (the paper's choice), the
// right or the left ones of dW = scale B A (footnote 7).
enum class Directions { kA, kUpdate, kUpdateLeft };
// "a", "dw" or "dw_left"; none for another word.
std::optional<Directions> directions_of(std::string_view word);

// Where an adapter is asked about: {layer, site}, both optional in the filters of `analyze`.
struct SiteFilter {
  std::optional<int> layer;
  std::string site;  // empty: every one
  bool admits(const SiteFactors& factors) const;
};

Singular singular_of_update(const SiteFactors& factors);

// {"layer", "site", "rank", "scale", "singular_values" of dW with its scale, "frobenius",
// "effective_rank", "stable_rank"}; a rank of a zero update is null, and "undefined" says why.
OrderedJson spectrum_json(const SiteFactors& factors);

// {"phi", "chance", "chance_low", "chance_high": [i][j], i, j from 1, "dimension", "undefined": [...]}.
// Where singular values are equal at a cut, or zero, phi is null there and `undefined` says of which.
// Throws InputError where the two sites have different widths. `seed` keys the chance band's draws.
OrderedJson phi_json(const SiteFactors& one, const SiteFactors& other, Directions directions,
                     std::uint64_t seed);

// A site's matrix, [out, in] row-major in fp32.
std::vector<float> site_weight(const Model& model, const SiteSpec& spec);

// Table 7 at one site: {"layer", "site", "rank", "scale", "update_norm" ||dW||_F, "projected"
// ||U^T W V^T||_F by dW's U and V, "amplification", the same by W's own ("projected_weight") and by random
// ones ("projected_random", the root mean square), "weight_norm" ||W||_F, "amplification_random" (the
// update's norm over "projected_random"), "relative" (amplification / amplification_random) and the
// two that depend on it without alpha / r: "unscaled_update_norm", "unscaled_amplification"}.
// What is undefined is null, and "undefined" says why.
OrderedJson amplification_json(const SiteFactors& factors, const std::vector<float>& weight,
                               std::uint64_t seed);

}  // namespace rankscope
