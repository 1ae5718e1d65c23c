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
    const auto& special = context.batch.special;
    if (!special) return x;  // decoding, behind the prompt
    return replace_rows(context.tape, x, vectors_, {special, &special->ids},
                        {special, &special->rows});
  }
  int lowest_trained_layer() const override { return -1; }

 private:
  SpecialTokens tokens_;
  mutable Parameter vectors_;
};

class PrefixEmbed : public Method {
 public:
  explicit PrefixEmbed(SpecialTokenSettings settings) : settings_(settings) {}
  std::string_view name() const override { return "prefix_embed"; }
  int64_t trainable_parameters(const ModelShape& shape) const override {
    settings_.check(shape);
    return shape.config.width * settings_.tokens.count();
  }
  std::string formula() const override { return "d (prefix + infix)"; }
  std::map<std::string, std::string> settings() const override { return settings_.canonical(); }
  std::unique_ptr<Adaptation> adapt(Model& model, uint64_t init_seed) const override {
    return std::make_unique<PrefixEmbedAdaptation>(model, settings_, init_seed);
  }
  TrainingReach reach(const ModelShape&) const override { return {.lowest_layer = -1}; }
  std::vector<std::string> places(const ModelShape&) const override { return {kSpecialTokens}; }
  SpecialTokens special_tokens() const override { return settings_.tokens; }

 private:
  SpecialTokenSettings settings_;
};

}  // namespace

std::unique_ptr<Method> make_prefix_embed(Settings& settings) {
  return std::make_unique<PrefixEmbed>(SpecialTokenSettings::read(settings, true));
}

}  // namespace rankscope
