// prefix_kv: trained keys and values before each layer's own (prefix-tuning in PEFT's form, without
// its reparametrisation; Li and Liang, arXiv 2101.00190, section 4.2). The keys are those that
// attention reads, after any rotary embedding; the sequence's own tokens take the positions behind
// the prefix.
#include "engine/methods/registry.h"
#include "engine/methods/special_tokens.h"

namespace rankscope {
namespace {

class PrefixKvAdaptation : public Adaptation {
 public:
  PrefixKvAdaptation(Model& model, const SpecialTokenSettings& settings, uint64_t init_seed)
      : tokens_(settings.tokens) {
    const SpecialTokenStart start(settings, model, init_seed);
    const ModelConfig& config = model.config();
    const auto add = [&](std::vector<Parameter>& all, int layer, const char* ending,
                         SpecialTokenStart::Kind kind) {
      all.push_back(special_token_parameter(model.backend(),
                                            "layers." + std::to_string(layer) + ending,
                                            tokens_.count(), config.kv_heads * config.head_dim));
      start.fill(kind, layer, all.back());
    };
    for (int layer = 0; layer < config.layers; ++layer) {
      add(keys_, layer, ".prefix_key", SpecialTokenStart::Kind::kKeys);
      add(values_, layer, ".prefix_value", SpecialTokenStart::Kind::kValues);
    }
  }
  std::vector<TrainedParameter> trained() override {
    std::vector<TrainedParameter> all;
    for (size_t layer = 0; layer < keys_.size(); ++layer) {
      all.push_back({&keys_[layer]});
      all.push_back({&values_[layer]});
    }
    return all;
  }
  SpecialTokens special_tokens() const override { return tokens_; }
  Var keys(const ForwardContext& context, int layer, Var k) const override {
    return with_special_rows(context, keys_[static_cast<size_t>(layer)], k);
  }
  Var values(const ForwardContext& context, int layer, Var v) const override {
    return with_special_rows(context, values_[static_cast<size_t>(layer)], v);
  }
  int lowest_trained_layer() const override { return 0; }

 private:
  SpecialTokens tokens_;
  mutable std::vector<Parameter> keys_, values_;  // [layers]
};

}  // namespace

std::unique_ptr<Method> make_prefix_kv(Settings& settings) {
  return make_special_token_method({.name = "prefix_kv",
                                    .form_without_infix = SavedForm::kPrompt,
                                    .with_infix = false,
                                    .keys_alone = true,
                                    .formula = "2 L d_kv prefix",
                                    .trainable_parameters =
                                        [](const ModelConfig& config, const SpecialTokens& tokens) {
                                          return 2 * config.layers * config.kv_heads *
                                                 config.head_dim * tokens.count();
                                        },
                                    .adapt = make_adaptation<PrefixKvAdaptation>},
                                   settings);
}

}  // namespace rankscope
