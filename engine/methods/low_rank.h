// LowRankAdaptation: sites of a frozen base with low-rank updates, whether a method has just drawn
// them or a file held them.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/methods/method.h"

namespace rankscope {

class LowRankAdaptation : public Adaptation {
 public:
  // One site's factors: A [r, d_in], B [d_out, r], the update being `scale` B A.
  struct Factors {
    Parameter a;       // "layers.3.Wq.lora_A"
    Parameter b;       // "layers.3.Wq.lora_B"
    double scale = 0;  // before it is rounded for the kernels
    double dropout = 0;
  };

  // b_rate_factor: what B's learning rates are multiplied by (LoRA+).
  explicit LowRankAdaptation(Model& model, double b_rate_factor = 1.0)
      : model_(model), b_rate_factor_(b_rate_factor) {}

  // The names of the factors at a site, which key their draws and stand in files.
  static std::string a_name(Site site) { return site.name() + ".lora_A"; }
  static std::string b_name(Site site) { return site.name() + ".lora_B"; }

  // Adds factors of zeros, with gradients, for `spec`; the caller fills the values. `dropout`
  // applies to the input of A in training. A site takes one update.
  Factors& add(const SiteSpec& spec, int64_t rank, double scale, double dropout);

  std::vector<TrainedParameter> trained() override;
  const LowRankUpdate* update_at(Site site) const override;
  // W += scale B A, each element's sum in fp32 as PEFT's merge.
  void merge_into(Model& model) override;
  bool merges_whole() const override { return true; }
  int lowest_trained_layer() const override;
  int64_t update_rank(Site site) const override;
  bool trains_low_rank_alone() const override { return true; }
  // Plain LoRA that gives the model of the checkpoint this one's outputs, where this one's own
  // factors do not: for its files.
  virtual std::unique_ptr<LowRankAdaptation> as_plain_lora() const { return nullptr; }
  const std::map<Site, std::unique_ptr<Factors>>& factors() const { return factors_; }

 protected:
  Model& model() const { return model_; }

 private:
  Model& model_;
  double b_rate_factor_;
  std::map<Site, std::unique_ptr<Factors>> factors_;
  std::map<Site, LowRankUpdate> updates_;
};

}  // namespace rankscope
