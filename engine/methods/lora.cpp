// lora: W + scale B A on chosen sites (Hu et al., arXiv 2106.09685, section 4.1), with the variants
// that its settings name: rsLoRA's scale, LoRA+'s learning rates, PiSSA's beginning.
#include "engine/methods/lora_settings.h"
#include "engine/methods/low_rank.h"
#include "engine/methods/pissa.h"
#include "engine/methods/principal_factors.h"
#include "engine/methods/registry.h"

namespace rankscope {
namespace {

class Lora : public Method {
 public:
  explicit Lora(LoraSettings settings) : settings_(std::move(settings)) {}

  std::string_view name() const override { return "lora"; }
  SavedForm saved_form() const override { return SavedForm::kLowRank; }

  int64_t trainable_parameters(const ModelShape& shape) const override {
    int64_t total = 0;
    for (const auto& [spec, rank] : settings_.sites(shape)) total += rank * (spec->in + spec->out);
    return total;
  }

  std::string formula() const override { return "sum over adapted sites of r (d_in + d_out)"; }

  std::map<std::string, std::string> settings() const override { return settings_.canonical(); }

  std::string libraries() const override {
    return settings_.init == LoraInit::kPissa ? factorisation_library() : std::string();
  }

  std::unique_ptr<Adaptation> adapt(Model& model, uint64_t init_seed) const override {
    if (settings_.init == LoraInit::kPissa) return start_pissa(settings_, model, init_seed);
    auto adaptation = std::make_unique<LowRankAdaptation>(model, settings_.rate_ratio);
    for (const auto& [spec, rank] : settings_.sites(model.shape())) {
      LowRankAdaptation::Factors& factors =
          adaptation->add(*spec, rank, settings_.scale_of(rank), settings_.dropout);
      const std::vector<float> a = initial_lora_a(settings_, spec->site, rank, spec->in, init_seed);
      model.backend().upload(a.data(), factors.a.value.matrix());
    }
    return adaptation;
  }

  bool trains_low_rank_alone() const override { return settings_.init != LoraInit::kPissa; }

  TrainingReach reach(const ModelShape& shape) const override { return settings_.reach(shape); }
  std::vector<std::string> places(const ModelShape& shape) const override {
    return settings_.places(shape);
  }

 private:
  LoraSettings settings_;
};

}  // namespace

std::unique_ptr<Method> make_lora(Settings& settings) {
  return std::make_unique<Lora>(LoraSettings::read(settings));
}

}  // namespace rankscope
