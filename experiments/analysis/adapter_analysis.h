// The subspace analysis of adapters (arXiv 2106.09685, section 7) as JSON, for `analyze`.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/json.h"
#include "engine/checkpoint/adapter_factors.h"
#include "experiments/analysis/site_vectors.h"

namespace rankscope {

// Where an adapter is asked about: {layer, site}, both optional in the filters of `analyze`.
struct SiteFilter {
  std::optional<int> layer;
  std::string site;  // empty: every one
  bool admits(int at_layer, const std::string& at_site) const;
};

// {"layer", "site", "rank", "scale", "singular_values" of dW with its scale, "frobenius",
// "effective_rank", "stable_rank"}; a rank of a zero update is null, and "undefined": [...] says
// why.
OrderedJson spectrum_json(const SiteFactors& factors);

// Of both at once; the first `top` of each, or all for 0.
std::array<LeadingVectors, 2> leading_vectors_of_both(const SiteFactors& one,
                                                      const SiteFactors& other,
                                                      Directions directions, std::int64_t top);

// {"phi", "chance", "chance_low", "chance_high": [i][j], i, j from 1, "dimension", "undefined":
// [...]}. Where singular values are equal at a cut, or zero, phi is null there and `undefined` says
// of which. Throws InputError where the two sites have different widths. `band_seed` keys the
// chance band's draws; without it, and of more than kLargestBand directions, the band is not drawn
// and its two bounds are null. `top`: the first so many directions of each; 0: all.
OrderedJson phi_json(const SiteFactors& one, const SiteFactors& other, Directions directions,
                     std::optional<std::uint64_t> band_seed, std::int64_t top = 0);

// Table 7 at one site: {"layer", "site", "rank", "scale", "update_norm" ||dW||_F, "projected"
// ||U^T W V^T||_F by dW's U and V, "amplification", the same by W's own ("projected_weight") and by
// random ones ("projected_random", the root mean square), "weight_norm" ||W||_F,
// "amplification_random" (the update's norm over "projected_random"), "relative" (amplification /
// amplification_random) and the two that depend on it without |alpha / r|: "unscaled_update_norm",
// "unscaled_amplification"}. What is undefined is null, and "undefined": [...] says why. `top`: U
// and V are the first so many of dW's; 0: all. ||dW|| and all that follows are of those alone.
// `threads` changes the time alone.
OrderedJson amplification_json(const SiteFactors& factors, const std::vector<float>& weight,
                               std::uint64_t seed, int threads, std::int64_t top = 0);

}  // namespace rankscope
