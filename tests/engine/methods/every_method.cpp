#include "tests/engine/methods/every_method.h"

#include "common/draws.h"

namespace rankscope::tests {

std::unique_ptr<Method> MethodSettings::make() const {
  Settings all;
  for (const std::string& one : settings) all.add(one);
  std::unique_ptr<Method> made = make_method(method, all);
  all.refuse_unknown("method " + method);
  return made;
}

const std::vector<MethodSettings>& every_method() {
  static const std::vector<MethodSettings> all = {
      {"full", {}},
      {"ft_top2", {}},
      {"bitfit", {}},
      {"lora", {"rank=4", "targets=Wq+Wv+W2", "dropout=0.1"}},
      {"lora", {"rank=4", "targets=all", "rslora=true", "lr_ratio=4"}},
      {"lora", {"rank=3", "alpha=6", "init=pissa", "targets=Wq+W1"}},
      {"dora", {"rank=3", "targets=Wq+Wv+Wo+W1+W2", "dropout=0.1"}},
      {"adalora", {"rank=2", "targets=attention", "t_init=1", "t_final=2"}},
      {"prefix_embed", {"prefix=3", "infix=2"}},
      {"prefix_layer", {"prefix=2", "infix=3", "init=random"}},
      {"prefix_kv", {"prefix=4"}},
      {"adapter_h", {"bottleneck=5"}},
      {"adapter_l", {"bottleneck=5"}},
      {"adapter_p", {"bottleneck=5", "activation=gelu"}},
      {"lora+prefix_embed", {"rank=3", "prefix=2"}},
      {"lora+prefix_layer", {"rank=3", "prefix=2", "infix=1", "prefix_layer_init=random"}},
      {"adapter_h+dora", {"rank=2", "bottleneck=3"}},
  };
  return all;
}

void disturb(Model& model, Adaptation& adaptation) {
  Backend& backend = model.backend();
  for (const TrainedParameter& trained : adaptation.trained()) {
    Parameter& p = *trained.parameter;
    std::vector<float> values = backend.to_host(p.value.view());
    std::vector<float> noise(values.size());
    Draws(1, "test", p.name).fill_normal(noise);
    for (size_t i = 0; i < values.size(); ++i) values[i] += 0.05f * noise[i];
    backend.upload(values.data(), p.value.matrix());
  }
  adaptation.refresh(model);
}

}  // namespace rankscope::tests
