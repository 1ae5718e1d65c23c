// full: every parameter of the base, a tied head once.
#include "engine/methods/base_parameters.h"
#include "engine/methods/registry.h"

namespace rankscope {
namespace {

class Full : public Method {
 public:
  std::string_view name() const override { return "full"; }
  SavedForm saved_form() const override { return SavedForm::kModel; }
  int64_t trainable_parameters(const ModelShape& shape) const override {
    return shape.parameters();
  }
  std::string formula() const override {
    return "sum over all tensors of their size, a tied head counted once";
  }
  std::map<std::string, std::string> settings() const override { return {}; }
  bool draws() const override { return false; }
  std::unique_ptr<Adaptation> adapt(Model& model, uint64_t) const override {
    std::vector<std::string> names;
    for (const TensorSpec& tensor : model.shape().tensors) names.push_back(tensor.name);
    return std::make_unique<BaseParameterAdaptation>(model, names);
  }
  TrainingReach reach(const ModelShape&) const override {
    return {.lowest_layer = -1, .base_from = -1};
  }
  std::vector<std::string> places(const ModelShape& shape) const override {
    return places_of_tensors(shape, [](const TensorSpec&) { return true; });
  }
};

}  // namespace

std::unique_ptr<Method> make_full(Settings&) { return std::make_unique<Full>(); }

}  // namespace rankscope
