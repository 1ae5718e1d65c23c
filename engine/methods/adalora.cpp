#include "engine/methods/adalora.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/error.h"
#include "engine/methods/registry.h"

namespace rankscope {
namespace {

// A setting that is a number of steps, or below 1 a share of them.
int64_t in_steps(double setting, int64_t steps) {
  return setting < 1 ? static_cast<int64_t>(setting * static_cast<double>(steps))
                     : static_cast<int64_t>(setting);
}

class AdaLora : public Method {
 public:
  explicit AdaLora(AdaLoraSettings settings) : settings_(std::move(settings)) {}

  std::string_view name() const override { return "adalora"; }
  SavedForm saved_form() const override { return SavedForm::kLowRank; }
  int64_t trainable_parameters(const ModelShape& shape) const override {
    int64_t total = 0;
    for (const auto& [spec, rank] : settings_.lora.sites(shape))
      total += settings_.first_rank(rank) * (spec->in + spec->out + 1);
    return total;
  }
  std::string formula() const override {
    return "sum over adapted sites of init_rank (d_in + d_out + 1)";
  }
  std::map<std::string, std::string> settings() const override {
    std::map<std::string, std::string> all = settings_.lora.canonical();
    all.erase("init");
    all.erase("lr_ratio");
    all["init_rank"] = std::to_string(settings_.init_rank);
    all["t_init"] = fmt::format("{}", settings_.t_init);
    all["t_final"] = fmt::format("{}", settings_.t_final);
    all["delta_t"] = std::to_string(settings_.delta_t);
    all["orthogonal"] = fmt::format("{}", settings_.orthogonal);
    all["importance_beta1"] = fmt::format("{}", settings_.beta1);
    all["importance_beta2"] = fmt::format("{}", settings_.beta2);
    return all;
  }
  std::unique_ptr<Adaptation> adapt(Model& model, uint64_t init_seed) const override {
    auto adaptation = std::make_unique<AdaLoraAdaptation>(model, settings_);
    for (const RankedSite& site : settings_.lora.sites(model.shape()))
      adaptation->add_site(site, init_seed);
    adaptation->refresh(model);
    return adaptation;
  }
  // Of each trained number its sensitivity and uncertainty; diag(E) A with its gradient; the masks.
  TrainingReach reach(const ModelShape& shape) const override {
    TrainingReach reach = settings_.lora.reach(shape);
    reach.state = 2 * trainable_parameters(shape);
    reach.floats_per_token = 0;
    for (const auto& [spec, rank] : settings_.lora.sites(shape)) {
      const int64_t first = settings_.first_rank(rank);
      reach.state += first * (2 * spec->in + 1);
      if (spec->site.layer == reach.lowest_layer) reach.floats_per_token += first;
    }
    return reach;
  }
  std::vector<std::string> places(const ModelShape& shape) const override {
    return settings_.lora.places(shape);
  }
  bool heeds_steps() const override { return true; }
  // As PEFT's AdaLoraConfig.
  void check_steps(int64_t steps) const override {
    const int64_t before = in_steps(settings_.t_init, steps);
    const int64_t behind = in_steps(settings_.t_final, steps);
    if (before + behind < steps) return;
    throw SettingError("t_final", fmt::format("{}", settings_.t_final),
                       fmt::format("t_init is {} steps and t_final {} of the training's {}: none "
                                   "is left in which the budget falls; lower them",
                                   before, behind, steps));
  }

 private:
  AdaLoraSettings settings_;
};

}  // namespace

int64_t AdaLoraSettings::first_rank(int64_t rank) const {
  if (init_rank == 0) return (3 * rank + 1) / 2;
  return init_rank;
}

int64_t AdaLoraSettings::last_choice(int64_t steps) const {
  return std::max<int64_t>(steps - in_steps(t_final, steps), 0);
}

RankBudget rank_budget(const AdaLoraSettings& settings, int64_t step, int64_t steps, int64_t first,
                       int64_t last) {
  const int64_t begin = in_steps(settings.t_init, steps);
  const int64_t end = settings.last_choice(steps);
  if (step >= end) return {last, step == end};
  if (step <= begin) return {first, false};
  const double left = 1 - static_cast<double>(step - begin) / static_cast<double>(end - begin);
  const auto triples = static_cast<int64_t>(static_cast<double>(first - last) * left * left * left +
                                            static_cast<double>(last));
  return {triples, step % settings.delta_t == 0};
}

std::unique_ptr<Method> make_adalora(Settings& settings) {
  AdaLoraSettings read;
  read.lora = LoraSettings::read(settings);
  read.init_rank = settings.integer("init_rank", 0, 0, kMaxRank);
  read.t_init = settings.number("t_init", 0.1, 0, 1e9);
  read.t_final = settings.number("t_final", 0.3, 0, 1e9);
  read.delta_t = settings.integer("delta_t", 1, 1, 1'000'000'000);
  read.orthogonal = settings.number("orthogonal", 0.5, 0, 1e6);
  read.beta1 = settings.number("importance_beta1", 0.85, 0, 0.999999);
  read.beta2 = settings.number("importance_beta2", 0.85, 0, 0.999999);
  if (read.lora.init != LoraInit::kKaiming || read.lora.rate_ratio != 1) {
    throw InputError(
        "method adalora draws A and B its own way and has one learning rate: leave "
        "out 'init' and 'lr_ratio'");
  }
  int64_t largest = 0;
  for (const SiteKind kind : read.lora.targets.kinds())
    largest = std::max(largest, read.lora.rank_of(kind));
  if (read.init_rank > 0 && read.init_rank < largest) {
    throw SettingError("init_rank", std::to_string(read.init_rank),
                       fmt::format("is below the rank at the end, {}: the budget falls", largest));
  }
  return std::make_unique<AdaLora>(std::move(read));
}

}  // namespace rankscope
