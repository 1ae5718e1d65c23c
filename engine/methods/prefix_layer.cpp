// prefix_layer: trained activations of special tokens before every layer (PreLayer of LoRA, arXiv
// 2106.09685, section 5.1; the positions of Li and Liang, arXiv 2101.00190). Those that enter layer
// 0 stand where token and position embeddings were added up; behind the last layer nothing is
// replaced, so that the last infix token still sees its context: L sets, as the formula counts.
#include "engine/methods/registry.h"
#include "engine/methods/special_tokens.h"

namespace rankscope {
namespace {

class PrefixLayerAdaptation : public Adaptation {
 public:
  PrefixLayerAdaptation(Model& model, const SpecialTokenSettings& settings, uint64_t init_seed)
      : tokens_(settings.tokens) {
    const SpecialTokenStart start(settings, model, init_seed);
    for (int layer = 0; layer < model.config().layers; ++layer) {
      vectors_.push_back(special_token_parameter(model.backend(),
                                                 "layers." + std::to_string(layer) + ".prefix",
                                                 tokens_.count(), model.config().width));
      start.fill(SpecialTokenStart::Kind::kStream, layer, vectors_.back());
    }
  }
  std::vector<TrainedParameter> trained() override {
    std::vector<TrainedParameter> all;
    for (Parameter& vectors : vectors_) all.push_back({&vectors});
    return all;
  }
  SpecialTokens special_tokens() const override { return tokens_; }
  Var entering(const ForwardContext& context, int layer, Var x) const override {
    const auto& special = context.batch.special;
    if (!special) return x;
    return replace_rows(context.tape, x, vectors_[static_cast<size_t>(layer)],
                        {special, &special->ids}, {special, &special->rows});
  }
  int lowest_trained_layer() const override { return 0; }

 private:
  SpecialTokens tokens_;
  mutable std::vector<Parameter> vectors_;  // [layers]
};

class PrefixLayer : public Method {
 public:
  explicit PrefixLayer(SpecialTokenSettings settings) : settings_(settings) {}
  std::string_view name() const override { return "prefix_layer"; }
  int64_t trainable_parameters(const ModelShape& shape) const override {
    settings_.check(shape);
    return shape.config.layers * shape.config.width * settings_.tokens.count();
  }
  std::string formula() const override { return "L d (prefix + infix)"; }
  std::map<std::string, std::string> settings() const override { return settings_.canonical(); }
  std::unique_ptr<Adaptation> adapt(Model& model, uint64_t init_seed) const override {
    return std::make_unique<PrefixLayerAdaptation>(model, settings_, init_seed);
  }
  TrainingReach reach(const ModelShape&) const override { return {.lowest_layer = 0}; }
  std::vector<std::string> places(const ModelShape&) const override { return {kSpecialTokens}; }
  SpecialTokens special_tokens() const override { return settings_.tokens; }

 private:
  SpecialTokenSettings settings_;
};

}  // namespace

std::unique_ptr<Method> make_prefix_layer(Settings& settings) {
  return std::make_unique<PrefixLayer>(SpecialTokenSettings::read(settings, true));
}

}  // namespace rankscope
