// ModelConfig: what a Hugging Face config.json says about the mathematics of a model, in one
// spelling for all families.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/dtype.h"
#include "engine/models/site.h"

namespace rankscope {

struct RotarySettings {
  std::string type = "default";  // default | linear | llama3
  double theta = 10000.0;
  double factor = 1.0;                // linear, llama3
  double low_freq_factor = 1.0;       // llama3
  double high_freq_factor = 4.0;      // llama3
  int64_t original_positions = 8192;  // llama3
};

struct ModelConfig {
  std::string family;  // name in model_families(): "gpt2", "llama", ...
  int64_t width = 0;   // d_model
  int64_t layers = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;
  int64_t head_dim = 0;
  int64_t mlp_width = 0;
  int64_t vocabulary = 0;
  int64_t context = 0;        // longest sequence
  int64_t context_taken = 0;  // what special tokens have taken of it (config_beside)
  double norm_epsilon = 1e-5;
  bool tied_head = false;
  bool qkv_bias = false;  // LLaMA family; GPT-2 has every bias
  bool attention_out_bias = false;
  bool mlp_bias = false;
  bool scale_attention = true;  // q k^T / sqrt(head_dim)
  std::optional<RotarySettings> rotary;
  std::vector<int64_t> eos_ids;
  double embedding_dropout = 0.0;  // base dropout as the config states it (used only where asked)
  double attention_dropout = 0.0;
  double residual_dropout = 0.0;
};

// For messages: the model's own context, and what special tokens have taken of it.
std::string context_text(const ModelConfig& config);

// One tensor of a checkpoint, by its canonical Hugging Face name with the full prefix
// ("transformer.h.0.attn.c_attn.weight", "model.layers.0.self_attn.q_proj.weight").
struct TensorSpec {
  std::string name;
  std::vector<int64_t> shape;
  bool bias = false;     // an additive bias, of a projection or a norm: what BitFit trains
  bool norm = false;     // a norm's gain or bias
  int64_t size() const;  // elements
};

// Where a site's matrix lies: columns (GPT-2 Conv1D, stored [in, out]) or rows (nn.Linear, stored
// [out, in]) [begin, begin + out) of the named tensor.
struct SiteSpec {
  Site site;
  int64_t in = 0;
  int64_t out = 0;
  std::string weight;              // tensor name
  std::string bias;                // tensor name, or empty
  bool stored_transposed = false;  // [out, in]
  int64_t begin = 0;               // first output inside the tensor
  std::string module;              // path of the Hugging Face module: weight without ".weight"
  std::string peft_module;  // shortest suffix of it that names this module in any layer: "q_proj",
                            // "attn.c_proj" (GPT-2 has two c_proj)
};

// Everything a method or a loader must know about a model without its weights.
struct ModelShape {
  ModelConfig config;
  std::vector<TensorSpec> tensors;  // in the order of the forward pass
  std::vector<SiteSpec> sites;      // by layer, then kind
  std::string prefix;               // of the base model's tensor names: "transformer." or "model."
  std::string layer_prefix;         // "transformer.h." or "model.layers."
  std::string embedding;            // the token table, which a tied head shares
  // The tensor that gives the logits: lm_head.weight, or the embedding where the head is tied.
  std::string head() const { return config.tied_head ? embedding : "lm_head.weight"; }
  const SiteSpec* find(Site site) const;                       // nullptr: no such site
  const TensorSpec* find_tensor(std::string_view name) const;  // nullptr: no such tensor
  int64_t parameters() const;                                  // tied head counted once
  // Whether the model is large enough that forward and backward products on the CPU read its
  // matrices from one packed form: half of the memory, for some percent of a training step. The
  // bits are the same.
  bool packed_once() const { return parameters() > 300'000'000; }
  bool has_site_kind(SiteKind kind) const;
};

// Reads and checks FOLDER/config.json. Throws InputError for a missing or ill-typed key and, by
// name, for any value that would change the result and is not supported.
ModelShape read_model_shape(const std::filesystem::path& folder);
// The same from the text itself; messages begin with `source_name`.
ModelShape parse_model_shape(std::string_view text, const std::string& source_name);

}  // namespace rankscope
