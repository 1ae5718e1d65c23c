// prefix_embed: trained embeddings of special tokens before the prompt and between prompt and
// target (PreEmbed of LoRA, arXiv 2106.09685, section 5.1; Li and Liang, arXiv 2101.00190). With no
// infix it is prompt tuning (Lester et al., arXiv 2104.08691). The tokens take positions as others
// do.
#include "engine/methods/registry.h"
#include "engine/methods/special_tokens.h"

namespace rankscope {
namespace {

class PrefixEmbedAdaptation : public Adaptation {
 public:
  PrefixEmbedAdaptation(Model& model, const SpecialTokenSettings& settings, uint64_t init_seed)
      : tokens_(settings.tokens),
        vectors_(special_token_parameter(model.backend(), "prefix_embed", tokens_.count(),
                                         model.config().width)) {
    const SpecialTokenStart start(settings, model, init_seed);
    start.fill(SpecialTokenStart::Kind::kEmbedding, 0, vectors_);
  }
  std::vector<TrainedParameter> trained() override { return {{&vectors_}}; }
  SpecialTokens special_tokens() const override { return tokens_; }
  Var embedded(const ForwardContext& context, Var x) const override {
    return with_special_rows(context, vectors_, x);
  }
  int lowest_trained_layer() const override { return -1; }

 private:
  SpecialTokens tokens_;
  mutable Parameter vectors_;
};

}  // namespace

std::unique_ptr<Method> make_prefix_embed(Settings& settings) {
  return make_special_token_method({.name = "prefix_embed",
                                    .form_without_infix = SavedForm::kPrompt,
                                    .formula = "d (prefix + infix)",
                                    .lowest_layer = -1,
                                    .trainable_parameters =
                                        [](const ModelConfig& config, const SpecialTokens& tokens) {
                                          return config.width * tokens.count();
                                        },
                                    .adapt = make_adaptation<PrefixEmbedAdaptation>},
                                   settings);
}

}  // namespace rankscope
