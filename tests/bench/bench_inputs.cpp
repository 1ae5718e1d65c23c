#include "tests/bench/bench_inputs.h"

#include "common/draws.h"
#include "common/files.h"
#include "common/json.h"
#include "common/safetensors.h"
#include "engine/models/config.h"

namespace rankscope::bench {

namespace {

namespace fs = std::filesystem;

constexpr const char* kGpt2Small = R"({
 "model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_head": 12, "n_positions": 1024,
 "vocab_size": 50257, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-05,
 "attn_pdrop": 0.0, "embd_pdrop": 0.0, "resid_pdrop": 0.0,
 "bos_token_id": 50256, "eos_token_id": 50256, "architectures": ["GPT2LMHeadModel"]
})";
constexpr const char* kStories3m = R"({
 "model_type": "llama", "hidden_size": 192, "intermediate_size": 512, "num_hidden_layers": 6,
 "num_attention_heads": 6, "num_key_value_heads": 2, "vocab_size": 4096,
 "max_position_embeddings": 512, "rms_norm_eps": 1e-05, "rope_theta": 10000.0,
 "hidden_act": "silu", "tie_word_embeddings": true, "bos_token_id": 1, "eos_token_id": 1,
 "architectures": ["LlamaForCausalLM"]
})";

std::vector<float> random_weights(const TensorSpec& spec) {
  int64_t count = 1;
  for (int64_t n : spec.shape) count *= n;
  std::vector<float> values(static_cast<size_t>(count));
  Draws(0, "bench weights", spec.name).fill_uniform(values);
  for (float& x : values) x = spec.norm && !spec.bias ? 1.0f : (x - 0.5f) * 0.07f;
  return values;
}

}  // namespace

fs::path model_folder(const fs::path& root, const std::string& shape) {
  const fs::path folder = root / shape;
  if (fs::exists(folder / "model.safetensors")) return folder;
  fs::create_directories(folder);
  write_file_atomically(folder / "config.json",
                        std::string_view(shape == "gpt2-small" ? kGpt2Small : kStories3m));
  const ModelShape model = read_model_shape(folder);
  std::vector<std::vector<float>> values;
  std::vector<TensorToWrite> tensors;
  for (const TensorSpec& spec : model.tensors) {
    values.push_back(random_weights(spec));
    tensors.push_back({spec.name, DType::kF32, spec.shape, values.back().data()});
  }
  write_safetensors(folder / "model.safetensors", std::move(tensors), {{"format", "pt"}});
  return folder;
}

fs::path token_file(const fs::path& root, const std::string& shape, const std::string& task) {
  const fs::path file = root / (shape + "-" + task + ".jsonl");
  if (fs::exists(file)) return file;
  const Json lengths =
      read_json_file(std::string(RANKSCOPE_SOURCE_DIR) + "/tests/bench/lengths.json");
  const std::string tokenizer = shape == "gpt2-small" ? "gpt2" : "stories3m";
  const uint64_t vocabulary = shape == "gpt2-small" ? 50257 : 4096;
  const Draws draws(0, "bench tokens", shape + " " + task);
  uint64_t drawn = 0;
  auto ids = [&](int64_t count) {
    Json list = Json::array();
    for (int64_t i = 0; i < count; ++i) list.push_back(draws.below(drawn++, vocabulary));
    return list;
  };
  std::string text;
  for (const Json& pair : lengths.at("lengths").at(tokenizer).at(task)) {
    OrderedJson line;
    line["prompt_ids"] = ids(pair.at(0));
    line["target_ids"] = ids(pair.at(1));
    text += line.dump() + "\n";
  }
  write_file_atomically(file, std::string_view(text));
  return file;
}

}  // namespace rankscope::bench
