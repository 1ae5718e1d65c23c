// adapter_h: two bottlenecks in each layer, on the outputs of attention and of the MLP (Houlsby et
// al., arXiv 1902.00751, figure 2). The base's own norms stay frozen, as LoRA's Table 4 counts.
#include "engine/methods/bottleneck.h"
#include "engine/methods/registry.h"

namespace rankscope {

std::unique_ptr<Method> make_adapter_h(Settings& settings) {
  return make_bottleneck_method({.method = "adapter_h",
                                 .sites = {SiteKind::Wo, SiteKind::W2},
                                 .formula = "2 L (2 d r + r + d)"},
                                BottleneckSettings::read(settings, "gelu"));
}

}  // namespace rankscope
