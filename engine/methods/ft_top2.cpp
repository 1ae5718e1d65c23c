// ft_top2: full fine-tuning of the last two layers (LoRA, arXiv 2106.09685, table 3; Li and Liang,
// arXiv 2101.00190, section 6.1): their tensors alone, without the final norm and the head.
#include <algorithm>

#include "common/error.h"
#include "engine/methods/base_parameters.h"
#include "engine/methods/registry.h"

namespace rankscope {
namespace {

constexpr int64_t kTop = 2;

class FtTop2 : public Method {
 public:
  std::string_view name() const override { return "ft_top2"; }
  int64_t trainable_parameters(const ModelShape& shape) const override {
    int64_t total = 0;
    for (const TensorSpec* tensor : tensors(shape)) total += tensor->size();
    return total;
  }
  std::string formula() const override {
    return "sum over the tensors of the last two layers of their size";
  }
  std::map<std::string, std::string> settings() const override { return {}; }
  bool draws() const override { return false; }
  std::unique_ptr<Adaptation> adapt(Model& model, uint64_t) const override {
    std::vector<std::string> names;
    for (const TensorSpec* tensor : tensors(model.shape())) names.push_back(tensor->name);
    return std::make_unique<BaseParameterAdaptation>(model, names);
  }
  TrainingReach reach(const ModelShape& shape) const override {
    tensors(shape);
    const auto lowest = static_cast<int>(shape.config.layers - kTop);
    return {.lowest_layer = lowest, .base_from = lowest};
  }
  std::vector<std::string> places(const ModelShape& shape) const override {
    const auto chosen = tensors(shape);
    return places_of_tensors(shape, [&](const TensorSpec& tensor) {
      return std::ranges::find(chosen, &tensor) != chosen.end();
    });
  }

 private:
  static std::vector<const TensorSpec*> tensors(const ModelShape& shape) {
    const int64_t layers = shape.config.layers;
    if (layers < kTop) {
      throw InputError("method ft_top2 trains the last two layers, and this model has " +
                       std::to_string(layers) + "; choose another method, such as full");
    }
    std::vector<const TensorSpec*> found;
    for (const TensorSpec& tensor : shape.tensors) {
      const int layer = layer_of(shape, tensor);
      if (layer >= layers - kTop && layer < layers) found.push_back(&tensor);
    }
    return found;
  }
};

}  // namespace

std::unique_ptr<Method> make_ft_top2(Settings&) { return std::make_unique<FtTop2>(); }

}  // namespace rankscope
