// Table 7 of the LoRA paper (arXiv 2106.09685) at one site of a base.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/checkpoint/adapter_factors.h"
#include "engine/models/model.h"
#include "metrics/amplification.h"

namespace rankscope {

// A site's matrix, [out, in] row-major in fp32.
std::vector<float> site_weight(const Model& model, const SiteSpec& spec);

// W's site that an adapter's factors belong to. InputError, naming `folder`, where the model has
// none of this shape.
const SiteSpec& spec_of(const SiteFactors& factors, const Model& model, const std::string& folder);

// What of W all updates of a site are set against.
struct WeightFacts {
  double norm = 0;                  // ||W||_F
  std::optional<Singular> leading;  // the first triples
  std::string reason;               // why there are none
};
// `k` triples, or as many as W has.
WeightFacts weight_facts(const WeightRows& weight, Eigen::Index k, std::uint64_t seed);

struct SiteAmplification {
  double update_norm = 0;                  // ||dW||_F
  std::optional<double> projected;         // ||U^T W V^T||_F, U and V those of dW
  std::optional<double> projected_weight;  // those of W
  double projected_random = 0;             // random ones, root mean square
  double weight_norm = 0;
  std::optional<double> amplification;         // update_norm / projected
  std::optional<double> amplification_random;  // update_norm / projected_random
  std::optional<double> relative;              // the first over the second
  std::optional<double> unscaled_update_norm;  // without |alpha / r|, as the next
  std::optional<double> unscaled_amplification;
  std::vector<std::string> undefined;  // why what is missing is missing
};
// `update`: the triples of the factors' dW, or the first of them, with the singular value that
// follows `behind` them.
SiteAmplification site_amplification(const WeightRows& weight, const WeightFacts& facts,
                                     const Singular& update, const SiteFactors& factors,
                                     double behind = 0);

}  // namespace rankscope
