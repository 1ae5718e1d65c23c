#include "engine/training/adamw.h"

namespace rankscope {

AdamW::AdamW(Backend& backend, std::vector<TrainedParameter> parameters, AdamWSettings settings)
    : backend_(backend), parameters_(std::move(parameters)), settings_(settings) {
  for (const TrainedParameter& p : parameters_) {
    first_.push_back(backend.zeros(p.parameter->value.rows(), p.parameter->value.cols()));
    second_.push_back(backend.zeros(p.parameter->value.rows(), p.parameter->value.cols()));
  }
}

std::vector<std::span<const float>> AdamW::gradients() const {
  std::vector<std::span<const float>> all;
  for (const TrainedParameter& p : parameters_) all.push_back(p.parameter->gradient.values());
  return all;
}

std::vector<std::span<const float>> AdamW::values() const {
  std::vector<std::span<const float>> all;
  for (const TrainedParameter& p : parameters_) all.push_back(p.parameter->value.values());
  return all;
}

void AdamW::update(double learning_rate, int64_t step, double gradient_scale) {
  const AdamWStep s{
      settings_.beta1, settings_.beta2, settings_.epsilon, settings_.weight_decay, step,
      gradient_scale};
  std::vector<AdamWParameter> arrays;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    Parameter& p = *parameters_[i].parameter;
    arrays.push_back({p.value.values(), p.gradient.values(), first_[i].values(),
                      second_[i].values(), learning_rate * parameters_[i].learning_rate_factor});
  }
  backend_.adamw(s, arrays);
}

}  // namespace rankscope
