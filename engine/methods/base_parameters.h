// Methods that train tensors of the base itself: all of them, or its biases.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/methods/method.h"

namespace rankscope {

// Trains the base's tensors of the given names, in that order.
class BaseParameterAdaptation : public Adaptation {
 public:
  // With `trainable` false the tensors can be written and nothing has a gradient: for a saved
  // adaptation that is only run.
  BaseParameterAdaptation(Model& model, const std::vector<std::string>& names,
                          bool trainable = true);
  std::vector<TrainedParameter> trained() override;
  void refresh(Model& model) override { model.refresh(); }
  int lowest_trained_layer() const override { return lowest_layer_; }
  LayerPlace lowest_trained_place() const override { return lowest_place_; }
  bool trains_site_weight(Site site) const override;
  bool trains_head() const override { return trains_head_; }
  bool merges_whole() const override { return true; }
  const std::vector<Parameter*>& parameters() const { return parameters_; }

 private:
  std::vector<Parameter*> parameters_;
  std::vector<Site> site_weights_;  // sorted
  int lowest_layer_ = 0;
  LayerPlace lowest_place_ = LayerPlace::kProjections;  // biases
  bool trains_head_ = false;
};

// Method::places of who trains the chosen tensors: their names, and the sites whose weights they
// hold.
std::vector<std::string> places_of_tensors(const ModelShape& shape,
                                           const std::function<bool(const TensorSpec&)>& chosen);

// The layer that a tensor belongs to: -1 for embeddings, the number of layers for the final norm
// and the head.
int layer_of(const ModelShape& shape, const TensorSpec& tensor);

}  // namespace rankscope
