// none: the base as it is.
#include "engine/methods/registry.h"

namespace rankscope {
namespace {

class NoAdaptation : public Adaptation {
 public:
  explicit NoAdaptation(int layers) : layers_(layers) {}
  std::vector<TrainedParameter> trained() override { return {}; }
  int lowest_trained_layer() const override { return layers_; }
  bool merges_whole() const override { return true; }

 private:
  int layers_;
};

class None : public Method {
 public:
  std::string_view name() const override { return "none"; }
  SavedForm saved_form() const override { return SavedForm::kNothing; }
  int64_t trainable_parameters(const ModelShape&) const override { return 0; }
  std::string formula() const override { return "0"; }
  std::map<std::string, std::string> settings() const override { return {}; }
  bool draws() const override { return false; }
  std::unique_ptr<Adaptation> adapt(Model& model, uint64_t) const override {
    return std::make_unique<NoAdaptation>(static_cast<int>(model.config().layers));
  }
  TrainingReach reach(const ModelShape& shape) const override {
    return {.lowest_layer = static_cast<int>(shape.config.layers)};
  }
  std::vector<std::string> places(const ModelShape&) const override { return {}; }
};

}  // namespace

std::unique_ptr<Method> make_none(Settings&) { return std::make_unique<None>(); }

}  // namespace rankscope
