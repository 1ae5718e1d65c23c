#include "tests/bench/bench_inputs.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "common/draws.h"
#include "common/files.h"
#include "common/half.h"
#include "common/json.h"
#include "common/safetensors.h"
#include "engine/models/config.h"
#include "tests/bench/made_once.h"

namespace rankscope::bench {

namespace {

namespace fs = std::filesystem;

constexpr const char* kGpt2Small = R"({
 "model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_head": 12, "n_positions": 1024,
 "vocab_size": 50257, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-05,
 "attn_pdrop": 0.0, "embd_pdrop": 0.0, "resid_pdrop": 0.0,
 "bos_token_id": 50256, "eos_token_id": 50256, "architectures": ["GPT2LMHeadModel"]
})";
constexpr const char* kGpt2Medium = R"({
 "model_type": "gpt2", "n_embd": 1024, "n_layer": 24, "n_head": 16, "n_positions": 1024,
 "vocab_size": 50257, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-05,
 "attn_pdrop": 0.0, "embd_pdrop": 0.0, "resid_pdrop": 0.0,
 "bos_token_id": 50256, "eos_token_id": 50256, "architectures": ["GPT2LMHeadModel"]
})";
// The shape of Llama 3.2 1B.
constexpr const char* kLlama1b = R"({
 "model_type": "llama", "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16,
 "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64, "vocab_size": 128256,
 "max_position_embeddings": 2048, "rms_norm_eps": 1e-05, "rope_theta": 500000.0,
 "hidden_act": "silu", "tie_word_embeddings": true, "bos_token_id": 128000, "eos_token_id": 128001,
 "architectures": ["LlamaForCausalLM"]
})";
constexpr const char* kStories3m = R"({
 "model_type": "llama", "hidden_size": 192, "intermediate_size": 512, "num_hidden_layers": 6,
 "num_attention_heads": 6, "num_key_value_heads": 2, "vocab_size": 4096,
 "max_position_embeddings": 512, "rms_norm_eps": 1e-05, "rope_theta": 10000.0,
 "hidden_act": "silu", "tie_word_embeddings": true, "bos_token_id": 1, "eos_token_id": 1,
 "architectures": ["LlamaForCausalLM"]
})";

struct BenchShape {
  const char* name;
  const char* config;
  const char* tokenizer;  // whose lengths the token files have
  uint64_t vocabulary;
  DType dtype;
};
constexpr BenchShape kShapes[] = {
    {"gpt2-small", kGpt2Small, "gpt2", 50257, DType::kF32},
    {"gpt2-small-bf16", kGpt2Small, "gpt2", 50257, DType::kBF16},
    {"gpt2-medium", kGpt2Medium, "gpt2", 50257, DType::kBF16},
    {"llama-1b", kLlama1b, "gpt2", 50257, DType::kBF16},
    {"stories3m", kStories3m, "stories3m", 4096, DType::kF32},
};

const BenchShape& shape_of(const std::string& name) {
  for (const BenchShape& shape : kShapes)
    if (shape.name == name) return shape;
  throw std::logic_error("no benchmark of shape " + name);
}

// Drawn up to a bound and then repeated: large models would take minutes to draw.
std::vector<float> random_weights(const TensorSpec& spec) {
  constexpr size_t kDrawn = size_t{1} << 22;
  const auto count = static_cast<size_t>(spec.size());
  std::vector<float> values(std::min(count, kDrawn));
  Draws(0, "bench weights", spec.name).fill_uniform(values);
  for (float& x : values) x = spec.norm && !spec.bias ? 1.0f : (x - 0.5f) * 0.07f;
  values.reserve(count);
  while (values.size() < count) values.push_back(values[values.size() - kDrawn]);
  return values;
}

// As stored.
std::vector<std::byte> stored(const std::vector<float>& values, DType dtype) {
  std::vector<std::byte> bytes(values.size() * dtype_size(dtype));
  if (dtype == DType::kF32) {
    std::memcpy(bytes.data(), values.data(), bytes.size());
  } else {
    std::vector<uint16_t> half(values.size());
    std::transform(values.begin(), values.end(), half.begin(), float_to_bf16);
    std::memcpy(bytes.data(), half.data(), bytes.size());
  }
  return bytes;
}

}  // namespace

fs::path model_folder(const fs::path& root, const std::string& shape) {
  const fs::path folder = root / shape;
  const BenchShape& made = shape_of(shape);
  make_once(folder, std::string(made.config) + "\n" + std::string(dtype_name(made.dtype)), [&] {
    fs::create_directories(folder);
    write_file_atomically(folder / "config.json", std::string_view(made.config));
    const ModelShape model = read_model_shape(folder);
    std::vector<std::vector<std::byte>> values;
    std::vector<TensorToWrite> tensors;
    for (const TensorSpec& spec : model.tensors) {
      values.push_back(stored(random_weights(spec), made.dtype));
      tensors.push_back({spec.name, made.dtype, spec.shape, values.back().data()});
    }
    write_safetensors(folder / "model.safetensors", std::move(tensors), {{"format", "pt"}});
  });
  return folder;
}

fs::path token_file(const fs::path& root, const std::string& shape, const std::string& task) {
  const fs::path file = root / (shape + "-" + task + ".jsonl");
  const Json all = read_json_file(std::string(RANKSCOPE_SOURCE_DIR) + "/tests/bench/lengths.json");
  const Json& lengths = all.at("lengths").at(shape_of(shape).tokenizer).at(task);
  const uint64_t vocabulary = shape_of(shape).vocabulary;
  make_once(file, lengths.dump() + "\nids below " + std::to_string(vocabulary), [&] {
    const Draws draws(0, "bench tokens", shape + " " + task);
    uint64_t drawn = 0;
    auto ids = [&](int64_t count) {
      Json list = Json::array();
      for (int64_t i = 0; i < count; ++i) list.push_back(draws.below(drawn++, vocabulary));
      return list;
    };
    std::string text;
    for (const Json& pair : lengths) {
      OrderedJson line;
      line["prompt_ids"] = ids(pair.at(0));
      line["target_ids"] = ids(pair.at(1));
      text += line.dump() + "\n";
    }
    write_file_atomically(file, std::string_view(text));
  });
  return file;
}

}  // namespace rankscope::bench
