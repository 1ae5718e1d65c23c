// GPT-2 (Radford et al. 2019), as transformers' GPT2LMHeadModel computes it.
#include "common/text.h"
#include "engine/models/config_reader.h"
#include "engine/models/families.h"

namespace rankscope {
namespace {

// A size that transformers reads under two names (GPT2Config.attribute_map): the general one wins.
int64_t size_of(JsonObject& json, const char* name, const char* general, int64_t fallback,
                int64_t most) {
  return json.get_int_or(general, json.get_int_or(name, fallback, 1, most), 1, most);
}

ModelConfig read_config(JsonObject& json) {
  ModelConfig config;
  config.family = "gpt2";
  config.width = size_of(json, "n_embd", "hidden_size", 768, kMaxWidth);
  config.layers = size_of(json, "n_layer", "num_hidden_layers", 12, kMaxLayers);
  config.heads = size_of(json, "n_head", "num_attention_heads", 12, kMaxWidth);
  if (config.width % config.heads != 0) {
    json.fail("n_head", "is " + std::to_string(config.heads) + ", which does not divide n_embd, " +
                            std::to_string(config.width));
  }
  config.kv_heads = config.heads;
  config.head_dim = config.width / config.heads;
  config.mlp_width = json.get_int_or("n_inner", 4 * config.width, 1, 4 * kMaxWidth);
  config.vocabulary = json.get_int_or("vocab_size", 50257, 1, kMaxVocabulary);
  read_common_keys(json, config);
  config.context = size_of(json, "n_positions", "max_position_embeddings", 1024, kMaxContext);
  config.norm_epsilon = json.get_double_or("layer_norm_epsilon", 1e-5, 0.0, 1.0);
  config.tied_head = json.get_bool_or("tie_word_embeddings", true);
  config.scale_attention = json.get_bool_or("scale_attn_weights", true);
  config.embedding_dropout = json.get_double_or("embd_pdrop", 0.1, 0.0, 1.0);
  config.attention_dropout = json.get_double_or("attn_pdrop", 0.1, 0.0, 1.0);
  config.residual_dropout = json.get_double_or("resid_pdrop", 0.1, 0.0, 1.0);
  const std::string activation = json.get_string_or("activation_function", "gelu_new");
  if (activation != "gelu_new" && activation != "gelu_pytorch_tanh") {  // two names of one function
    json.fail("activation_function",
              "is '" + printable(activation) + "', which is not supported; GPT-2's is gelu_new");
  }
  refuse_if_true(json, "scale_attn_by_inverse_layer_idx",
                 "attention scaled by the layer's index is not supported");
  refuse_if_true(json, "add_cross_attention", "cross-attention is not supported");
  // reorder_and_upcast_attn changes rounding alone.
  return config;
}

void add_gpt2_layer(ModelShape& shape, int layer) {
  const ModelConfig& config = shape.config;
  const int64_t d = config.width, m = config.mlp_width;
  const std::string at = shape.layer_prefix + std::to_string(layer) + ".";
  const auto norm = [&](const std::string& name) {
    shape.tensors.push_back({at + name + ".weight", {d}, false, true});
    shape.tensors.push_back({at + name + ".bias", {d}, true, true});
  };
  // Conv1D: stored [in, out].
  const auto projection = [&](const std::string& module, int64_t in, int64_t out) {
    shape.tensors.push_back({at + module + ".weight", {in, out}, false, false});
    shape.tensors.push_back({at + module + ".bias", {out}, true, false});
  };
  const auto site = [&](SiteKind kind, const std::string& module, int64_t in, int64_t out,
                        int64_t begin, const std::string& peft) {
    shape.sites.push_back({{layer, kind},
                           in,
                           out,
                           at + module + ".weight",
                           at + module + ".bias",
                           false,
                           begin,
                           at + module,
                           peft});
  };
  norm("ln_1");
  projection("attn.c_attn", d, 3 * d);
  projection("attn.c_proj", d, d);
  norm("ln_2");
  projection("mlp.c_fc", d, m);
  projection("mlp.c_proj", m, d);
  site(SiteKind::Wq, "attn.c_attn", d, d, 0, "c_attn");
  site(SiteKind::Wk, "attn.c_attn", d, d, d, "c_attn");
  site(SiteKind::Wv, "attn.c_attn", d, d, 2 * d, "c_attn");
  site(SiteKind::Wo, "attn.c_proj", d, d, 0, "attn.c_proj");
  site(SiteKind::W1, "mlp.c_fc", d, m, 0, "c_fc");
  site(SiteKind::W2, "mlp.c_proj", m, d, 0, "mlp.c_proj");
}

ModelShape read_shape(JsonObject& json, const Json&) {
  ModelShape shape;
  shape.config = read_config(json);
  const ModelConfig& config = shape.config;
  shape.prefix = "transformer.";
  shape.layer_prefix = "transformer.h.";
  shape.embedding = "transformer.wte.weight";
  shape.tensors.push_back({shape.embedding, {config.vocabulary, config.width}});
  shape.tensors.push_back({"transformer.wpe.weight", {config.context, config.width}});
  for (int layer = 0; layer < config.layers; ++layer) add_gpt2_layer(shape, layer);
  shape.tensors.push_back({"transformer.ln_f.weight", {config.width}, false, true});
  shape.tensors.push_back({"transformer.ln_f.bias", {config.width}, true, true});
  if (!config.tied_head) {
    shape.tensors.push_back({shape.head(), {config.vocabulary, config.width}});
  }
  return shape;
}

// The causal mask that older checkpoints store in each layer: h.N.attn.bias, h.N.attn.masked_bias.
bool is_gpt2_buffer(std::string_view name) {
  if (!name.starts_with("h.")) return false;
  name.remove_prefix(2);
  const size_t dot = name.find('.');
  if (dot == 0 || dot == std::string_view::npos) return false;
  if (name.find_first_not_of("0123456789") != dot) return false;
  const std::string_view rest = name.substr(dot + 1);
  return rest == "attn.bias" || rest == "attn.masked_bias";
}

class Gpt2 : public Model {
 public:
  Gpt2(ModelShape shape, std::shared_ptr<const Weights> weights, Backend& backend)
      : Model(std::move(shape), std::move(weights), backend) {}

  // x = Wte[tokens] + Wpe[positions]; each layer: x += Wo Attention(LN1(x)), x += W2 gelu(W1
  // LN2(x)).
  Var forward(const ForwardContext& context) const override {
    const Batch& batch = context.batch;
    if (batch.targets() == 0) return {backend().empty(0, config().width), nullptr};
    Var x = add(context.tape, embed_tokens(context),
                embed(context, "transformer.wpe.weight", batch.positions));
    x = base_dropout(context, "embeddings", config().embedding_dropout, x, BatchRows::kAll);
    for (int layer = 0; layer < config().layers; ++layer)
      x = leaving(context, layer, block(context, layer, entering(context, layer, x)));
    return norm(context, "transformer.ln_f", x);
  }

 private:
  Var norm(const ForwardContext& context, const std::string& name, const Var& x) const {
    return layer_norm(context.tape, x, parameter(name + ".weight"), &parameter(name + ".bias"),
                      static_cast<float>(config().norm_epsilon));
  }

  Var block(const ForwardContext& context, int layer, Var x) const {
    const std::string at = shape().layer_prefix + std::to_string(layer) + ".";
    Var a = norm(context, at + "ln_1", x);
    const Var k =
        keys(context, layer, apply_site(context, {layer, SiteKind::Wk}, a, BatchRows::kAll));
    const Var v =
        values(context, layer, apply_site(context, {layer, SiteKind::Wv}, a, BatchRows::kAll));
    const BatchRows rows = narrow(context, layer, x, a);
    const Var q = apply_site(context, {layer, SiteKind::Wq}, a, rows);
    a = attend(context, layer, q, k, v, rows);
    x = apply_site_to_residual(context, {layer, SiteKind::Wo}, a, x, rows);
    const Var h = apply_site(context, {layer, SiteKind::W1}, norm(context, at + "ln_2", x), rows,
                             {.activation = Activation::kGeluTanh});
    return apply_site_to_residual(context, {layer, SiteKind::W2}, h, x, rows);
  }
};

std::unique_ptr<Model> make_gpt2(ModelShape shape, std::shared_ptr<const Weights> weights,
                                 Backend& backend) {
  return std::make_unique<Gpt2>(std::move(shape), std::move(weights), backend);
}

}  // namespace

const ModelFamily kGpt2Family = {"gpt2", read_shape, make_gpt2, is_gpt2_buffer};

}  // namespace rankscope
