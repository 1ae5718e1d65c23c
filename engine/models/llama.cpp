// The LLaMA family (Touvron et al. 2023) as transformers computes it: LLaMA 1 to 3, Mistral, Qwen2.
// They differ in defaults, in which projections have biases, and in attention windows.
#include "common/text.h"
#include "engine/models/config_reader.h"
#include "engine/models/families.h"
#include "engine/models/rotary_table.h"

namespace rankscope {
namespace {

// What transformers' configuration class of each model_type says where config.json says nothing.
struct Defaults {
  std::string family;
  int64_t mlp_width;
  int64_t kv_heads;  // where the key is absent; null, and 0 here, mean as many as heads
  int64_t context;
};

void read_sizes(JsonObject& json, const Json& raw, const Defaults& defaults, ModelConfig& config) {
  config.width = json.get_int_or("hidden_size", 4096, 1, kMaxWidth);
  config.layers = json.get_int_or("num_hidden_layers", 32, 1, kMaxLayers);
  config.heads = json.get_int_or("num_attention_heads", 32, 1, kMaxWidth);
  const bool take_default = defaults.kv_heads != 0 && !raw.contains("num_key_value_heads");
  config.kv_heads = json.get_int_or("num_key_value_heads",
                                    take_default ? defaults.kv_heads : config.heads, 1, kMaxWidth);
  if (config.heads % config.kv_heads != 0) {
    json.fail("num_key_value_heads", "is " + std::to_string(config.kv_heads) +
                                         ", which does not divide num_attention_heads, " +
                                         std::to_string(config.heads));
  }
  if (!json.has("head_dim") && config.width % config.heads != 0) {
    json.fail("num_attention_heads", "is " + std::to_string(config.heads) +
                                         ", which does not divide hidden_size, " +
                                         std::to_string(config.width) + ", and head_dim is absent");
  }
  config.head_dim = json.get_int_or("head_dim", config.width / config.heads, 1, kMaxWidth);
  if (config.head_dim % 2 != 0) {
    json.fail("head_dim",
              "is " + std::to_string(config.head_dim) + ", but rotary positions need an even one");
  }
  if (config.heads * config.head_dim > kMaxWidth) {
    json.fail("head_dim", "times num_attention_heads is over " + std::to_string(kMaxWidth));
  }
  config.mlp_width = json.get_int_or("intermediate_size", defaults.mlp_width, 1, 4 * kMaxWidth);
  config.vocabulary = json.get_int_or("vocab_size", 32000, 1, kMaxVocabulary);
  config.context = json.get_int_or("max_position_embeddings", defaults.context, 1, kMaxContext);
}

ModelConfig read_config(JsonObject& json, const Json& raw, const Defaults& defaults) {
  ModelConfig config;
  config.family = defaults.family;
  read_sizes(json, raw, defaults, config);
  read_common_keys(json, config);
  config.norm_epsilon = json.get_double_or("rms_norm_eps", 1e-6, 0.0, 1.0);
  config.tied_head = json.get_bool_or("tie_word_embeddings", false);
  config.attention_dropout = json.get_double_or("attention_dropout", 0.0, 0.0, 1.0);
  config.rotary = read_rotary(json, config.context);
  const std::string activation = json.get_string_or("hidden_act", "silu");
  if (activation != "silu" && activation != "swish") {  // two names of one function
    json.fail("hidden_act",
              "is '" + printable(activation) + "', which is not supported; supported is silu");
  }
  return config;
}

// A window as wide as the context excludes nothing.
void refuse_window(JsonObject& json, const ModelConfig& config, int64_t fallback) {
  const int64_t window = json.get_int_or("sliding_window", fallback, 1);
  if (window < config.context) {
    json.fail("sliding_window", "is " + std::to_string(window) + ", less than the context, " +
                                    std::to_string(config.context) +
                                    ": a sliding window in force is not supported; if no sequence "
                                    "will be longer, lower max_position_embeddings to it");
  }
}

void refuse_window_layers(JsonObject& json) {
  const Json* types = json.find_array("layer_types");
  if (types == nullptr) return;
  for (const Json& type : *types) {
    if (type != "full_attention") {
      json.fail("layer_types", "holds " + json_excerpt(type) +
                                   ", which is not supported; supported is full_attention");
    }
  }
}

void add_llama_layer(ModelShape& shape, int layer) {
  const ModelConfig& config = shape.config;
  const int64_t d = config.width, m = config.mlp_width;
  const int64_t q = config.heads * config.head_dim, kv = config.kv_heads * config.head_dim;
  const std::string at = shape.layer_prefix + std::to_string(layer) + ".";
  // nn.Linear: stored [out, in].
  const auto projection = [&](SiteKind kind, const std::string& group, const std::string& name,
                              int64_t in, int64_t out, bool bias) {
    const std::string module = at + group + "." + name;
    shape.tensors.push_back({module + ".weight", {out, in}, false, false});
    if (bias) shape.tensors.push_back({module + ".bias", {out}, true, false});
    shape.sites.push_back({{layer, kind},
                           in,
                           out,
                           module + ".weight",
                           bias ? module + ".bias" : "",
                           true,
                           0,
                           module,
                           name});
  };
  shape.tensors.push_back({at + "input_layernorm.weight", {d}, false, true});
  projection(SiteKind::Wq, "self_attn", "q_proj", d, q, config.qkv_bias);
  projection(SiteKind::Wk, "self_attn", "k_proj", d, kv, config.qkv_bias);
  projection(SiteKind::Wv, "self_attn", "v_proj", d, kv, config.qkv_bias);
  projection(SiteKind::Wo, "self_attn", "o_proj", q, d, config.attention_out_bias);
  shape.tensors.push_back({at + "post_attention_layernorm.weight", {d}, false, true});
  projection(SiteKind::W1, "mlp", "up_proj", d, m, config.mlp_bias);
  projection(SiteKind::W2, "mlp", "down_proj", m, d, config.mlp_bias);
  projection(SiteKind::W3, "mlp", "gate_proj", d, m, config.mlp_bias);
}

ModelShape make_shape(ModelConfig config) {
  ModelShape shape;
  shape.config = std::move(config);
  const ModelConfig& c = shape.config;
  shape.prefix = "model.";
  shape.layer_prefix = "model.layers.";
  shape.embedding = "model.embed_tokens.weight";
  shape.tensors.push_back({shape.embedding, {c.vocabulary, c.width}});
  for (int layer = 0; layer < c.layers; ++layer) add_llama_layer(shape, layer);
  shape.tensors.push_back({"model.norm.weight", {c.width}, false, true});
  if (!c.tied_head) shape.tensors.push_back({shape.head(), {c.vocabulary, c.width}});
  return shape;
}

ModelShape read_llama(JsonObject& json, const Json& raw) {
  ModelConfig config = read_config(json, raw, {"llama", 11008, 0, 2048});
  if (json.get_int_or("pretraining_tp", 1) != 1) {
    json.fail("pretraining_tp", "is not 1: split products are not supported; set it to 1");
  }
  config.qkv_bias = config.attention_out_bias = json.get_bool_or("attention_bias", false);
  config.mlp_bias = json.get_bool_or("mlp_bias", false);
  return make_shape(std::move(config));
}

ModelShape read_mistral(JsonObject& json, const Json& raw) {
  ModelConfig config = read_config(json, raw, {"mistral", 14336, 8, 4096 * 32});
  // Absent means 4096, null means none.
  const bool none = raw.contains("sliding_window") && raw.at("sliding_window").is_null();
  if (!none) refuse_window(json, config, 4096);
  refuse_window_layers(json);
  return make_shape(std::move(config));
}

ModelShape read_qwen2(JsonObject& json, const Json& raw) {
  ModelConfig config = read_config(json, raw, {"qwen2", 22016, 32, 32768});
  refuse_window_layers(json);
  const bool windowed = json.get_bool_or("use_sliding_window", false);
  // Without layer_types the layers from max_window_layers on have the window; null means none.
  const bool none = raw.contains("sliding_window") && raw.at("sliding_window").is_null();
  if (windowed && !none && !json.has("layer_types") &&
      json.get_int_or("max_window_layers", 28, 0) < config.layers) {
    refuse_window(json, config, 4096);
  }
  config.qkv_bias = true;
  return make_shape(std::move(config));
}

bool is_llama_buffer(std::string_view name) { return name.ends_with("rotary_emb.inv_freq"); }

class Llama : public Model {
 public:
  Llama(ModelShape shape, std::shared_ptr<const Weights> weights, Backend& backend)
      : Model(std::move(shape), std::move(weights), backend),
        rotary_(*config().rotary, config().head_dim, config().context, backend) {}

  // x = E[tokens]; each layer: x += Wo Attention(R(Wq n), R(Wk n), Wv n) with n = RMSNorm(x) and R
  // the rotary positions, then x += W2 (silu(W3 n) * W1 n) with n = RMSNorm(x).
  Var forward(const ForwardContext& context) const override {
    const Batch& batch = context.batch;
    if (batch.targets() == 0) return {backend().empty(0, config().width), nullptr};
    const RotaryTable& table = rotary_.up_to(batch.positions);
    Var x = embed_tokens(context);
    for (int layer = 0; layer < config().layers; ++layer)
      x = leaving(context, layer, block(context, layer, entering(context, layer, x), table));
    return norm(context, "model.norm", x);
  }

 private:
  Var norm(const ForwardContext& context, const std::string& name, const Var& x) const {
    return rms_norm(context.tape, x, parameter(name + ".weight"),
                    static_cast<float>(config().norm_epsilon));
  }

  Var block(const ForwardContext& context, int layer, Var x, const RotaryTable& table) const {
    const Batch& batch = context.batch;
    const int64_t head_dim = config().head_dim;
    const std::string at = shape().layer_prefix + std::to_string(layer) + ".";
    Var a = norm(context, at + "input_layernorm", x);
    const Var k =
        keys(context, layer,
             rotary(context.tape, apply_site(context, {layer, SiteKind::Wk}, a, BatchRows::kAll),
                    head_dim, batch.positions, table));
    const Var v =
        values(context, layer, apply_site(context, {layer, SiteKind::Wv}, a, BatchRows::kAll));
    const BatchRows rows = narrow(context, layer, x, a);
    const Var q =
        rotary(context.tape, apply_site(context, {layer, SiteKind::Wq}, a, rows), head_dim,
               rows == BatchRows::kAll ? batch.positions : batch.loss_positions, table);
    a = attend(context, layer, q, k, v, rows);
    x = apply_site_to_residual(context, {layer, SiteKind::Wo}, a, x, rows);
    const Var n = norm(context, at + "post_attention_layernorm", x);
    const Var gate = apply_site(context, {layer, SiteKind::W3}, n, rows);
    const Var up = apply_site(context, {layer, SiteKind::W1}, n, rows);
    return apply_site_to_residual(context, {layer, SiteKind::W2}, swiglu(context.tape, gate, up), x,
                                  rows);
  }

  RotaryTables rotary_;
};

std::unique_ptr<Model> make_llama(ModelShape shape, std::shared_ptr<const Weights> weights,
                                  Backend& backend) {
  return std::make_unique<Llama>(std::move(shape), std::move(weights), backend);
}

}  // namespace

const ModelFamily kLlamaFamily = {"llama", read_llama, make_llama, is_llama_buffer};
const ModelFamily kMistralFamily = {"mistral", read_mistral, make_llama, is_llama_buffer};
const ModelFamily kQwen2Family = {"qwen2", read_qwen2, make_llama, is_llama_buffer};

}  // namespace rankscope
