// Bottlenecks: what adapter_h, adapter_l and adapter_p put into a frozen network.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "engine/methods/method.h"

namespace rankscope {

// The largest width that settings take.
inline constexpr int64_t kMaxBottleneck = 65536;

// Settings, as KEY=VALUE:
//   bottleneck=8       r, 1 to 65536
//   activation=...     gelu (its tanh form) or relu; what stands where none is given is the
//   method's
struct BottleneckSettings {
  int64_t width = 8;
  Activation activation = Activation::kGeluTanh;

  static BottleneckSettings read(Settings& settings, std::string_view default_activation);
  std::map<std::string, std::string> canonical() const;
};

// x -> x + act(n(x) down^T + down_bias) up^T + up_bias with n a LayerNorm of its own or nothing
// (Houlsby et al., arXiv 1902.00751, section 2.1): down [r, d], up [d, r]. `up` and the biases
// begin at zero, so that it is the identity; down is uniform in +-1/sqrt(d), as LoRA's A.
class Bottleneck {
 public:
  // Parameters are named "<place>.adapter.down", ".down_bias", ".up", ".up_bias", ".norm",
  // ".norm_bias".
  Bottleneck(Backend& backend, const std::string& place, int64_t width,
             const BottleneckSettings& settings, bool with_norm, uint64_t init_seed);
  Bottleneck(const Bottleneck&) = delete;
  Bottleneck& operator=(const Bottleneck&) = delete;

  Var apply(Tape& tape, const Var& x) const;
  void append_trained(std::vector<TrainedParameter>& all);
  void refresh(Backend& backend);

 private:
  Activation activation_;
  mutable Parameter norm_, norm_bias_;  // empty where there is no norm
  Parameter down_, down_bias_, up_, up_bias_;
  LinearWeight down_map_, up_map_;
};

// Where a method has its bottlenecks: on what these sites add to the residual stream, before it is
// added; or, with no sites, on the stream behind each layer, with a norm.
struct BottleneckPlaces {
  std::string_view method;
  std::vector<SiteKind> sites;
  std::string_view formula;
};

std::unique_ptr<Method> make_bottleneck_method(BottleneckPlaces places,
                                               BottleneckSettings settings);

}  // namespace rankscope
