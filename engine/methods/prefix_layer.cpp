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
    return with_special_rows(context, vectors_[static_cast<size_t>(layer)], x);
  }
  int lowest_trained_layer() const override { return 0; }

 private:
  SpecialTokens tokens_;
  mutable std::vector<Parameter> vectors_;  // [layers]
};

}  // namespace

std::unique_ptr<Method> make_prefix_layer(Settings& settings) {
  return make_special_token_method({.name = "prefix_layer",
                                    .formula = "L d (prefix + infix)",
                                    .trainable_parameters =
                                        [](const ModelConfig& config, const SpecialTokens& tokens) {
                                          return config.layers * config.width * tokens.count();
                                        },
                                    .adapt = make_adaptation<PrefixLayerAdaptation>},
                                   settings);
}

}  // namespace rankscope
