// DoRA: W' = m (W + scale B A) / ||W + scale B A||, the norm of each output's weights (Liu et al.,
// arXiv 2402.09353, equation 5; with section 4.3: no gradient flows through the norm). Dropout meets
// the update alone, as LoRA's; PEFT's magnitude sees dropped inputs too, in expectation the same.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "engine/methods/low_rank.h"

namespace rankscope {

// ||W_j||^2 of every output j of the site's matrix as it is now.
std::vector<double> squares_of_outputs(const Model& model, const SiteSpec& spec);

class DoraAdaptation : public LowRankAdaptation {
 public:
  using LowRankAdaptation::LowRankAdaptation;

  // Factors of zeros, and magnitudes that are the norms of the weight's outputs as they are.
  Factors& add_with_magnitude(const SiteSpec& spec, int64_t rank, double scale, double dropout);
  // [1, d_out], "layers.3.Wq.magnitude".
  Parameter& magnitude(Site site) const { return magnitudes_.at(site)->parameter; }

  std::vector<TrainedParameter> trained() override;
  const ColumnScale* column_scale_at(Site site) const override;
  void merge_into(Model& model) override;
  void refresh(Model& model) override;
  bool trains_low_rank_alone() const override { return false; }

 private:
  struct Magnitude {
    Parameter parameter;
    ColumnScale scale;
    std::vector<double> base_squares;  // of the norms of W's outputs, [d_out]
  };
  void update_norms(Site site);

  std::map<Site, std::unique_ptr<Magnitude>> magnitudes_;
};

}  // namespace rankscope
