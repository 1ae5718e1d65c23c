#include "experiments/pretrain/gpt2_start.h"

#include <cmath>

#include "common/draws.h"
#include "common/files.h"
#include "common/safetensors.h"
#include "datasets/tokenizer/tokenizer.h"

namespace rankscope {

OrderedJson gpt2_config(const PretrainPlan::ModelPlan& sizes, std::int64_t vocabulary,
                        std::int32_t end_token, const std::string& dtype) {
  return {{"architectures", OrderedJson::array({"GPT2LMHeadModel"})},
          {"model_type", "gpt2"},
          {"vocab_size", vocabulary},
          {"n_positions", sizes.n_positions},
          {"n_embd", sizes.n_embd},
          {"n_layer", sizes.n_layer},
          {"n_head", sizes.n_head},
          {"n_inner", nullptr},
          {"activation_function", "gelu_new"},
          {"layer_norm_epsilon", 1e-5},
          {"initializer_range", sizes.initializer_range},
          {"scale_attn_weights", true},
          {"tie_word_embeddings", true},
          {"embd_pdrop", 0.0},
          {"attn_pdrop", 0.0},
          {"resid_pdrop", 0.0},
          {"bos_token_id", end_token},
          {"eos_token_id", end_token},
          {"torch_dtype", dtype}};
}

namespace {

std::vector<float> sinusoids(std::int64_t positions, std::int64_t width, double deviation) {
  std::vector<float> values;
  for (std::int64_t p = 0; p < positions; ++p) {
    for (std::int64_t i = 0; i < width; ++i) {
      const double rate =
          std::pow(10000.0, -static_cast<double>(i / 2 * 2) / static_cast<double>(width));
      const double angle = static_cast<double>(p) * rate;
      const double wave = i % 2 == 0 ? std::sin(angle) : std::cos(angle);
      values.push_back(static_cast<float>(std::sqrt(2.0) * deviation * wave));
    }
  }
  return values;
}

}  // namespace

std::vector<float> initial_weights(const TensorSpec& tensor, const PretrainPlan::ModelPlan& sizes,
                                   std::uint64_t seed) {
  std::vector<float> values(static_cast<std::size_t>(tensor.size()), 0.0f);
  if (tensor.bias) return values;
  if (tensor.norm) {
    values.assign(values.size(), 1.0f);
    return values;
  }
  if (sizes.sinusoidal_positions && tensor.name.ends_with("wpe.weight")) {
    return sinusoids(sizes.n_positions, sizes.n_embd, sizes.initializer_range);
  }
  Draws(seed, "initial weights", tensor.name).fill_normal(values);
  double deviation = sizes.initializer_range;
  if (tensor.name.ends_with("c_proj.weight")) {
    deviation /= std::sqrt(2.0 * static_cast<double>(sizes.n_layer));
  }
  for (float& value : values) value = static_cast<float>(deviation * value);
  return values;
}

void write_start(const std::filesystem::path& folder, const PretrainPlan& plan,
                 const std::string& tokenizer_json) {
  FolderTransaction transaction(folder, FolderTransaction::Existing::kRefuse);
  const std::filesystem::path& made = transaction.path();
  const Tokenizer tokenizer = Tokenizer::parse(tokenizer_json, "tokenizer.json");
  const std::string config =
      gpt2_config(plan.model, tokenizer.id_count(), tokenizer.id_of(kEndToken).value(), "float32")
          .dump(2) +
      "\n";
  write_file_atomically(made / "config.json", config);
  write_file_atomically(made / "tokenizer.json", tokenizer_json);
  const ModelShape shape = parse_model_shape(config, "config.json");
  std::vector<std::vector<float>> values;
  std::vector<TensorToWrite> tensors;
  for (const TensorSpec& spec : shape.tensors) {
    values.push_back(initial_weights(spec, plan.model, plan.seed));
    tensors.push_back({spec.name, DType::kF32, spec.shape, values.back().data()});
  }
  write_safetensors(made / "model.safetensors", std::move(tensors), {{"format", "pt"}});
  transaction.commit();
}

}  // namespace rankscope
