// PiSSA (Meng, Wang, Zhang 2024, arXiv 2404.02948): A and B begin as the principal part of W, which
// is taken out of the frozen W: W_res + scale B A = W. With W's singular triples (u, s, v) of the r
// largest s, A = sqrt(s / scale) v^T and B = u sqrt(s / scale) (section 3, equations 2 to 4; the
// division as PEFT's pissa_init).
#pragma once

#include <memory>

#include "engine/methods/lora_settings.h"
#include "engine/methods/low_rank.h"

namespace rankscope {

class PissaAdaptation : public LowRankAdaptation {
 public:
  using LowRankAdaptation::LowRankAdaptation;
  // Copies of A and B as training began with them.
  std::map<Site, std::pair<std::vector<float>, std::vector<float>>> started;
  // The base is changed: several of these cannot share it.
  bool trains_low_rank_alone() const override { return false; }
  // W_res + scale B A = W + scale (B A - B0 A0): factors of twice the rank.
  std::unique_ptr<LowRankAdaptation> as_plain_lora() const override;
};

// init_seed keys the subspace iteration's beginning: 16 iterations, as PEFT's pissa_niter_16.
std::unique_ptr<PissaAdaptation> start_pissa(const LoraSettings& settings, Model& model,
                                             uint64_t init_seed);

}  // namespace rankscope
