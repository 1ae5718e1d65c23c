#include "engine/methods/bottleneck.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "common/draws.h"

namespace rankscope {
namespace {

constexpr std::array<std::string_view, 2> kActivations = {"gelu", "relu"};
constexpr Activation kActivationOf[] = {Activation::kGeluTanh, Activation::kRelu};
constexpr float kNormEpsilon = 1e-5f;  // torch.nn.LayerNorm's

class BottleneckAdaptation : public Adaptation {
 public:
  BottleneckAdaptation(Model& model, const BottleneckPlaces& places,
                       const BottleneckSettings& settings, uint64_t init_seed)
      : places_(places) {
    const ModelConfig& config = model.config();
    const auto r = static_cast<double>(settings.width), d = static_cast<double>(config.width);
    flops_ = 4 * r * d * static_cast<double>(places.sites.empty() ? 1 : places.sites.size());
    for (int layer = 0; layer < config.layers; ++layer) {
      if (places.sites.empty()) {
        add(model, {layer, {}}, "layers." + std::to_string(layer), settings, init_seed);
      }
      for (SiteKind kind : places.sites) {
        const Site site{layer, kind};
        add(model, site, site.name(), settings, init_seed);
      }
    }
  }

  std::vector<TrainedParameter> trained() override {
    std::vector<TrainedParameter> all;
    for (const auto& [site, bottleneck] : bottlenecks_) bottleneck->append_trained(all);
    return all;
  }
  bool follows(Site site) const override {
    return std::ranges::find(places_.sites, site.kind) != places_.sites.end();
  }
  Var site_output(const ForwardContext& context, Site site, Var z) const override {
    return bottlenecks_.at(site)->apply(context.tape, z);
  }
  Var leaving(const ForwardContext& context, int layer, Var x) const override {
    return places_.sites.empty() ? bottlenecks_.at({layer, {}})->apply(context.tape, x) : x;
  }
  void refresh(Model& model) override {
    for (const auto& [site, bottleneck] : bottlenecks_) bottleneck->refresh(model.backend());
  }
  int lowest_trained_layer() const override { return 0; }
  LayerPlace lowest_trained_place() const override {
    return follows({0, SiteKind::Wo}) ? LayerPlace::kMlp : LayerPlace::kOutput;
  }
  double added_flops(int) const override { return flops_; }

 private:
  void add(Model& model, Site key, const std::string& place, const BottleneckSettings& settings,
           uint64_t init_seed) {
    bottlenecks_.emplace(
        key, std::make_unique<Bottleneck>(model.backend(), place, model.config().width, settings,
                                          places_.sites.empty(), init_seed));
  }

  BottleneckPlaces places_;
  double flops_ = 0;
  // By site; where a bottleneck belongs to a whole layer, by the layer and the first kind.
  std::map<Site, std::unique_ptr<Bottleneck>> bottlenecks_;
};

class BottleneckMethod : public Method {
 public:
  BottleneckMethod(BottleneckPlaces places, BottleneckSettings settings)
      : places_(std::move(places)), settings_(settings) {}

  std::string_view name() const override { return places_.method; }
  std::string formula() const override { return std::string(places_.formula); }
  std::map<std::string, std::string> settings() const override { return settings_.canonical(); }

  int64_t trainable_parameters(const ModelShape& shape) const override {
    const int64_t d = shape.config.width, r = settings_.width;
    const int64_t each = 2 * d * r + r + d;
    return shape.config.layers * (places_.sites.empty() ? each + 2 * d : per_layer() * each);
  }

  std::unique_ptr<Adaptation> adapt(Model& model, uint64_t init_seed) const override {
    return std::make_unique<BottleneckAdaptation>(model, places_, settings_, init_seed);
  }

  // Each keeps its input and, twice, its bottleneck: the activation and its derivative. With a norm
  // it keeps the norm's input and statistics as well.
  TrainingReach reach(const ModelShape& shape) const override {
    const int64_t d = shape.config.width, r = settings_.width;
    const bool with_norm = places_.sites.empty();
    return {.lowest_layer = 0,
            .kept_per_token = per_layer() * ((with_norm ? 2 : 1) * d + 2 * r),
            .floats_per_token = with_norm ? 2 : 0,
            .packed = shape.config.layers * per_layer() * 2 * d * r};
  }

  std::vector<std::string> places(const ModelShape& shape) const override {
    std::vector<std::string> names;
    for (int layer = 0; layer < shape.config.layers; ++layer) {
      if (places_.sites.empty()) names.push_back("the output of layer " + std::to_string(layer));
      for (SiteKind kind : places_.sites)
        names.push_back("the output of " + Site{layer, kind}.name());
    }
    return names;
  }

 private:
  int64_t per_layer() const {
    return places_.sites.empty() ? 1 : static_cast<int64_t>(places_.sites.size());
  }

  BottleneckPlaces places_;
  BottleneckSettings settings_;
};

}  // namespace

BottleneckSettings BottleneckSettings::read(Settings& settings,
                                            std::string_view default_activation) {
  BottleneckSettings read;
  read.width = settings.integer("bottleneck", 8, 1, kMaxBottleneck);
  const std::string name =
      settings.choice("activation", std::string(default_activation), kActivations);
  read.activation = kActivationOf[std::ranges::find(kActivations, name) - kActivations.begin()];
  return read;
}

std::map<std::string, std::string> BottleneckSettings::canonical() const {
  const auto found = std::ranges::find(kActivationOf, activation) - std::begin(kActivationOf);
  return {{"bottleneck", std::to_string(width)},
          {"activation", std::string(kActivations[static_cast<size_t>(found)])}};
}

Bottleneck::Bottleneck(Backend& backend, const std::string& place, int64_t width,
                       const BottleneckSettings& settings, bool with_norm, uint64_t init_seed)
    : activation_(settings.activation) {
  const auto parameter = [&](const char* name, int64_t rows, int64_t cols) {
    return Parameter{place + ".adapter." + name, backend.zeros(rows, cols),
                     backend.zeros(rows, cols)};
  };
  const int64_t r = settings.width;
  down_ = parameter("down", r, width);
  down_bias_ = parameter("down_bias", 1, r);
  up_ = parameter("up", width, r);
  up_bias_ = parameter("up_bias", 1, width);
  if (with_norm) {
    norm_ = parameter("norm", 1, width);
    norm_bias_ = parameter("norm_bias", 1, width);
    backend.upload(std::vector<float>(static_cast<size_t>(width), 1.0f).data(),
                   norm_.value.matrix());
  }
  std::vector<float> values(static_cast<size_t>(r * width));
  Draws(init_seed, "init", down_.name + ".r" + std::to_string(r)).fill_uniform(values);
  const float bound = 1.0f / std::sqrt(static_cast<float>(width));
  for (float& value : values) value = (2.0f * value - 1.0f) * bound;
  backend.upload(values.data(), down_.value.matrix());
  const auto map = [](Parameter& weight, Parameter& bias) {
    return LinearWeight(WeightView::of(weight.value.view()).transposed(), &weight, &bias, true, 0,
                        0, 0);
  };
  down_map_ = map(down_, down_bias_);
  up_map_ = map(up_, up_bias_);
}

Var Bottleneck::apply(Tape& tape, const Var& x) const {
  const Var n = norm_.value.empty() ? x : layer_norm(tape, x, norm_, &norm_bias_, kNormEpsilon);
  const Var low = linear(tape, n, down_map_, {.activation = activation_});
  return linear(tape, low, up_map_, {.residual = &x});
}

void Bottleneck::append_trained(std::vector<TrainedParameter>& all) {
  for (Parameter* p : {&norm_, &norm_bias_, &down_, &down_bias_, &up_, &up_bias_})
    if (!p->value.empty()) all.push_back({p});
}

void Bottleneck::refresh(Backend& backend) {
  down_map_.refresh(backend);
  up_map_.refresh(backend);
}

std::unique_ptr<Method> make_bottleneck_method(BottleneckPlaces places,
                                               BottleneckSettings settings) {
  return std::make_unique<BottleneckMethod>(std::move(places), settings);
}

}  // namespace rankscope
