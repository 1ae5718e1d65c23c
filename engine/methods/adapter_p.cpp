// adapter_p: one bottleneck in each layer, on the output of the MLP (Pfeiffer et al.,
// AdapterFusion, arXiv 2005.00247, section 3.1 and appendix A).
#include "engine/methods/bottleneck.h"
#include "engine/methods/registry.h"

namespace rankscope {

std::unique_ptr<Method> make_adapter_p(Settings& settings) {
  return make_bottleneck_method(
      {.method = "adapter_p", .sites = {SiteKind::W2}, .formula = "L (2 d r + r + d)"},
      BottleneckSettings::read(settings, "relu"));
}

}  // namespace rankscope
