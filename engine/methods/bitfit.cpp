// bitfit: the additive biases of projections and norms (Ben Zaken et al., arXiv 2106.10199); the
// norms' gains stay frozen.
#include <algorithm>

#include "common/error.h"
#include "engine/methods/base_parameters.h"
#include "engine/methods/registry.h"

namespace rankscope {
namespace {

std::vector<const TensorSpec*> biases(const ModelShape& shape) {
  std::vector<const TensorSpec*> found;
  for (const TensorSpec& tensor : shape.tensors) {
    if (tensor.bias) found.push_back(&tensor);
  }
  if (found.empty()) {
    throw InputError("method bitfit trains biases, and this " + shape.config.family +
                     " model has none; choose another method, such as lora");
  }
  return found;
}

class BitFit : public Method {
 public:
  std::string_view name() const override { return "bitfit"; }
  SavedForm saved_form() const override { return SavedForm::kBiases; }
  int64_t trainable_parameters(const ModelShape& shape) const override {
    int64_t total = 0;
    for (const TensorSpec* tensor : biases(shape)) total += tensor->size();
    return total;
  }
  std::string formula() const override {
    return "sum over all biases, of projections and of norms, of their length";
  }
  std::map<std::string, std::string> settings() const override { return {}; }
  bool draws() const override { return false; }
  std::unique_ptr<Adaptation> adapt(Model& model, uint64_t) const override {
    std::vector<std::string> names;
    for (const TensorSpec* tensor : biases(model.shape())) names.push_back(tensor->name);
    return std::make_unique<BaseParameterAdaptation>(model, names);
  }
  TrainingReach reach(const ModelShape& shape) const override {
    int lowest = static_cast<int>(shape.config.layers);
    for (const TensorSpec* tensor : biases(shape)) {
      lowest = std::min(lowest, layer_of(shape, *tensor));
    }
    return {.lowest_layer = lowest};
  }
  std::vector<std::string> places(const ModelShape& shape) const override {
    return places_of_tensors(shape, [](const TensorSpec& tensor) { return tensor.bias; });
  }
};

}  // namespace

std::unique_ptr<Method> make_bitfit(Settings&) { return std::make_unique<BitFit>(); }

}  // namespace rankscope
