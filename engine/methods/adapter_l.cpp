// adapter_l: one bottleneck behind each layer, with a LayerNorm of its own before it (Lin, Madotto,
// Fung 2020, arXiv 2004.03829, section 3; counted so by LoRA, section 5.1).
#include "engine/methods/bottleneck.h"
#include "engine/methods/registry.h"

namespace rankscope {

std::unique_ptr<Method> make_adapter_l(Settings& settings) {
  return make_bottleneck_method(
      {.method = "adapter_l", .sites = {}, .formula = "L (2 d r + r + d) + 2 L d"},
      BottleneckSettings::read(settings, "relu"));
}

}  // namespace rankscope
