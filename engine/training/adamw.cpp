#include "engine/training/adamw.h"

#include <algorithm>
#include <cmath>

namespace rankscope {

AdamW::AdamW(Backend& backend, std::vector<TrainedParameter> parameters, AdamWSettings settings)
    : backend_(backend), parameters_(std::move(parameters)), settings_(settings) {
  for (const TrainedParameter& p : parameters_) {
    first_.push_back(backend.zeros(p.parameter->value.rows(), p.parameter->value.cols()));
    second_.push_back(backend.zeros(p.parameter->value.rows(), p.parameter->value.cols()));
  }
}

double AdamW::gradient_norm() const {
  double sum = 0;
  for (const TrainedParameter& p : parameters_)
    sum += backend_.sum_of_squares(p.parameter->gradient.values());
  return std::sqrt(sum);
}

void AdamW::update(double learning_rate, int64_t step, double gradient_scale) {
  for (size_t i = 0; i < parameters_.size(); ++i) {
    Parameter& p = *parameters_[i].parameter;
    AdamWStep s;
    s.learning_rate = learning_rate * parameters_[i].learning_rate_factor;
    s.beta1 = settings_.beta1;
    s.beta2 = settings_.beta2;
    s.epsilon = settings_.epsilon;
    s.weight_decay = settings_.weight_decay;
    s.step = step;
    s.gradient_scale = gradient_scale;
    backend_.adamw(s, p.value.values(), p.gradient.values(), first_[i].values(),
                   second_[i].values());
    std::ranges::fill(p.gradient.values(), 0.0f);
  }
}

}  // namespace rankscope
