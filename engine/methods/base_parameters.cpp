#include "engine/methods/base_parameters.h"

#include <algorithm>
#include <set>

namespace rankscope {

int layer_of(const ModelShape& shape, const TensorSpec& tensor) {
  if (tensor.name.starts_with(shape.layer_prefix)) {
    return std::stoi(tensor.name.substr(shape.layer_prefix.size()));
  }
  const bool above = tensor.norm || tensor.name == "lm_head.weight";
  return above ? static_cast<int>(shape.config.layers) : -1;
}

std::vector<std::string> places_of_tensors(const ModelShape& shape,
                                           const std::function<bool(const TensorSpec&)>& chosen) {
  std::vector<std::string> places;
  for (const TensorSpec& tensor : shape.tensors) {
    if (!chosen(tensor)) continue;
    places.push_back(tensor.name);
    for (const SiteSpec& spec : shape.sites)
      if (spec.weight == tensor.name) places.push_back(spec.site.name());
  }
  return places;
}

BaseParameterAdaptation::BaseParameterAdaptation(Model& model,
                                                 const std::vector<std::string>& names,
                                                 bool trainable) {
  const ModelShape& shape = model.shape();
  lowest_layer_ = static_cast<int>(shape.config.layers);
  for (const std::string& name : names) {
    if (trainable) {
      model.make_trainable(name);
    } else {
      model.make_writable(name);
    }
    parameters_.push_back(&model.parameter(name));
    lowest_layer_ = std::min(lowest_layer_, layer_of(shape, *shape.find_tensor(name)));
    trains_head_ |= name == shape.head();
  }
  for (const std::string& name : names) {
    const TensorSpec& tensor = *shape.find_tensor(name);
    if (layer_of(shape, tensor) == lowest_layer_ && tensor.norm) lowest_place_ = LayerPlace::kInput;
  }
  const std::set<std::string> trained(names.begin(), names.end());
  for (const SiteSpec& spec : shape.sites) {
    if (trained.contains(spec.weight)) site_weights_.push_back(spec.site);
  }
  std::sort(site_weights_.begin(), site_weights_.end());
}

std::vector<TrainedParameter> BaseParameterAdaptation::trained() {
  std::vector<TrainedParameter> all;
  for (Parameter* parameter : parameters_) all.push_back({parameter});
  return all;
}

bool BaseParameterAdaptation::trains_site_weight(Site site) const {
  return std::binary_search(site_weights_.begin(), site_weights_.end(), site);
}

}  // namespace rankscope
