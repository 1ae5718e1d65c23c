// AdamW over the parameters that a method trains, with the moments that a resume point holds.
#pragma once

#include <vector>

#include "engine/methods/method.h"

namespace rankscope {

struct AdamWSettings {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.01;  // torch.optim.AdamW's default; every trained parameter decays
};

class AdamW {
 public:
  AdamW(Backend& backend, std::vector<TrainedParameter> parameters, AdamWSettings settings);

  // All gradients, and all that is trained.
  std::vector<std::span<const float>> gradients() const;
  std::vector<std::span<const float>> values() const;
  // One update and zeroed gradients. `step` counts from 1. Gradients are multiplied by
  // gradient_scale first.
  void update(double learning_rate, int64_t step, double gradient_scale);

  const std::vector<TrainedParameter>& parameters() const { return parameters_; }
  Tensor& first_moment(size_t i) { return first_[i]; }
  Tensor& second_moment(size_t i) { return second_[i]; }

 private:
  Backend& backend_;
  std::vector<TrainedParameter> parameters_;
  AdamWSettings settings_;
  std::vector<Tensor> first_;
  std::vector<Tensor> second_;
};

}  // namespace rankscope
