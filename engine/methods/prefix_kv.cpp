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
    return replaced(context, keys_[static_cast<size_t>(layer)], k);
  }
  Var values(const ForwardContext& context, int layer, Var v) const override {
    return replaced(context, values_[static_cast<size_t>(layer)], v);
  }
  int lowest_trained_layer() const override { return 0; }

 private:
  static Var replaced(const ForwardContext& context, Parameter& table, Var x) {
    const auto& special = context.batch.special;
    if (!special) return x;
    return replace_rows(context.tape, x, table, {special, &special->ids},
                        {special, &special->rows});
  }

  SpecialTokens tokens_;
  mutable std::vector<Parameter> keys_, values_;  // [layers]
};

class PrefixKv : public Method {
 public:
  explicit PrefixKv(SpecialTokenSettings settings) : settings_(settings) {}
  std::string_view name() const override { return "prefix_kv"; }
  int64_t trainable_parameters(const ModelShape& shape) const override {
    settings_.check(shape);
    const ModelConfig& config = shape.config;
    return 2 * config.layers * config.kv_heads * config.head_dim * settings_.tokens.prefix;
  }
  std::string formula() const override { return "2 L d_kv prefix"; }
  std::map<std::string, std::string> settings() const override { return settings_.canonical(); }
  std::unique_ptr<Adaptation> adapt(Model& model, uint64_t init_seed) const override {
    return std::make_unique<PrefixKvAdaptation>(model, settings_, init_seed);
  }
  TrainingReach reach(const ModelShape&) const override { return {.lowest_layer = 0}; }
  std::vector<std::string> places(const ModelShape&) const override { return {kSpecialTokens}; }
  SpecialTokens special_tokens() const override { return settings_.tokens; }

 private:
  SpecialTokenSettings settings_;
};

}  // namespace

std::unique_ptr<Method> make_prefix_kv(Settings& settings) {
  return std::make_unique<PrefixKv>(SpecialTokenSettings::read(settings, false));
}

}  // namespace rankscope
