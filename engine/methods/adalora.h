// AdaLoRA: W + scale B diag(E) A, whose triples (a row of A, its E, a column of B) are given up by
// importance until a budget of ranks over all sites is left (Zhang et al., arXiv 2303.10512). The
// arithmetic is PEFT's (tuners/adalora), to the order of its steps.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "engine/methods/lora_settings.h"
#include "engine/methods/low_rank.h"

namespace rankscope {

// LoRA's settings, `rank` being the average over sites at the end, and
//   init_rank=0       ranks at the beginning; 0: 1.5 times `rank`, as the paper's experiments
//   t_init=0.1        steps before the budget falls; below 1 a share of all steps
//   t_final=0.3       steps behind its end, likewise
//   delta_t=1         steps from one choice of triples to the next
//   orthogonal=0.5    weight of ||A A^T - I||_F and ||B^T B - I||_F, their mean over all A and B
//   importance_beta1=0.85    smoothing of the sensitivity
//   importance_beta2=0.85    and of its uncertainty
struct AdaLoraSettings {
  LoraSettings lora;
  int64_t init_rank = 0;
  double t_init = 0.1, t_final = 0.3;
  int64_t delta_t = 1;
  double orthogonal = 0.5;
  double beta1 = 0.85, beta2 = 0.85;

  // Of a site whose rank at the end is `rank` on average.
  int64_t first_rank(int64_t rank) const;
  // The step, from 0, behind which no triple comes back.
  int64_t last_choice(int64_t steps) const;
};

// How many of the triples are kept after a step (from 0, as PEFT's own example counts), and whether
// they are chosen anew then.
struct RankBudget {
  int64_t triples = 0;
  bool choose = false;
};
RankBudget rank_budget(const AdaLoraSettings& settings, int64_t step, int64_t steps, int64_t first,
                       int64_t last);

class AdaLoraAdaptation : public LowRankAdaptation {
 public:
  AdaLoraAdaptation(Model& model, AdaLoraSettings settings)
      : LowRankAdaptation(model), settings_(std::move(settings)) {}

  void add_site(const RankedSite& site, uint64_t init_seed);
  std::vector<TrainedParameter> trained() override;
  std::vector<Parameter*> state() override;
  void complete_gradients() override;
  void after_update(const UpdateReport& report) override;
  void refresh(Model& model) override;
  bool trains_low_rank_alone() const override { return false; }
  // Of the triples that take part in the forward pass, E multiplied into A.
  std::unique_ptr<LowRankAdaptation> as_plain_lora() const override;
  // How many do at a site.
  int64_t kept(Site site) const;

 private:
  // A trained matrix [rows, cols], E being a row, with its smoothed sensitivity and uncertainty.
  struct Part {
    Parameter* parameter = nullptr;
    std::unique_ptr<Parameter> owned;
    Parameter sensitivity, uncertainty;
    std::vector<float> gradient;  // of the step at hand
  };
  struct Triples {
    Factors* factors = nullptr;  // a holds diag(E) A, b is B
    Part a, e, b;
    Parameter mask;  // [1, r], 1 where a triple is kept
  };
  void smooth(Part& part, double gradient_scale) const;
  std::vector<double> importance(const Triples& triples) const;
  void choose(int64_t kept_triples);
  void apply_masks();
  // Which triples take part in the forward pass: those that the last choice kept, and those that it
  // gave up but whose E the optimizer has moved since.
  std::vector<bool> taking_part(const Triples& triples) const;
  void add_orthogonality(Triples& triples, std::vector<float>& da, std::vector<float>& db) const;

  AdaLoraSettings settings_;
  int64_t first_total_ = 0, last_total_ = 0;
  std::map<Site, std::unique_ptr<Triples>> triples_;
};

}  // namespace rankscope
