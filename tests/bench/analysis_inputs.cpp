#include "tests/bench/analysis_inputs.h"

#include <cmath>
#include <string>
#include <vector>

#include "common/draws.h"
#include "common/files.h"
#include "common/folders.h"
#include "common/json.h"
#include "common/safetensors.h"
#include "engine/checkpoint/adapter.h"
#include "engine/models/config.h"
#include "experiments/sweep/scoring.h"
#include "metrics/products.h"
#include "tests/bench/made_once.h"

namespace rankscope::bench {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kWidth = 12288, kRank = 64;
constexpr const char* kModule = "self_attn.q_proj";
constexpr std::string_view kConfig = R"({
 "model_type": "llama", "hidden_size": 12288, "num_hidden_layers": 1, "num_attention_heads": 96,
 "num_key_value_heads": 1, "intermediate_size": 8, "vocab_size": 8, "hidden_act": "silu",
 "max_position_embeddings": 64, "rms_norm_eps": 1e-05, "tie_word_embeddings": true,
 "architectures": ["LlamaForCausalLM"]
})";

std::vector<float> normals(std::int64_t count, double deviation, const std::string& name) {
  std::vector<float> values(static_cast<std::size_t>(count));
  Draws(0, "bench analysis", name).fill_normal(values);
  for (float& x : values) x *= static_cast<float>(deviation);
  return values;
}

void make_adapter(const fs::path& folder) {
  make_folder(folder, "its disk may be full");
  const std::string name = folder.filename();
  const std::vector<float> a = normals(kRank * kWidth, 1 / std::sqrt(double{kWidth}), name + " A"),
                           b = normals(kWidth * kRank, 0.01, name + " B");
  const std::string module = std::string("base_model.model.model.layers.0.") + kModule;
  const OrderedJson config{
      {"peft_type", "LORA"}, {"r", kRank}, {"lora_alpha", kRank}, {"target_modules", {"q_proj"}}};
  write_file_atomically(folder / "adapter_config.json", config.dump());
  write_safetensors(folder / "adapter_model.safetensors",
                    {{module + ".lora_A.weight", DType::kF32, {kRank, kWidth}, a.data()},
                     {module + ".lora_B.weight", DType::kF32, {kWidth, kRank}, b.data()}});
}

// 256 directions of size 30 / n, and noise.
std::vector<float> falling_spectrum() {
  constexpr std::int64_t kDirections = 256;
  const auto basis = [](const std::string& name) {
    const std::vector<float> drawn = normals(kWidth * kDirections, 1, name);
    return orthonormal_basis(
        Eigen::Map<const Eigen::MatrixXf>(drawn.data(), kWidth, kDirections).cast<double>(), 2);
  };
  RealMatrix left = basis("left");
  const RealMatrix right = basis("right");
  for (std::int64_t n = 0; n < kDirections; ++n) left.col(n) *= 30.0 / static_cast<double>(1 + n);
  std::vector<float> values = normals(kWidth * kWidth, 1.0 / 400, "noise");
  constexpr std::int64_t kRows = 512;
  for (std::int64_t row = 0; row < kWidth; row += kRows) {
    const RealMatrix part =
        product(right, left.middleRows(row, kRows).transpose(), 2);  // transposed
    for (std::int64_t i = 0; i < part.size(); ++i)
      values[static_cast<std::size_t>(row * kWidth + i)] += static_cast<float>(part.data()[i]);
  }
  return values;
}

void make_base(const fs::path& folder) {
  make_folder(folder, "its disk may be full");
  write_file_atomically(folder / "config.json", kConfig);
  std::vector<std::vector<float>> kept;
  std::vector<TensorToWrite> tensors;
  for (const TensorSpec& spec : read_model_shape(folder).tensors) {
    kept.push_back(
        spec.name.find(kModule) != std::string::npos
            ? falling_spectrum()
            : std::vector<float>(static_cast<std::size_t>(spec.size()), spec.norm ? 1.0f : 0.0f));
    tensors.push_back({spec.name, DType::kF32, spec.shape, kept.back().data()});
  }
  write_safetensors(folder / "model.safetensors", std::move(tensors), {{"format", "pt"}});
}

Trial adapter_trial(std::int64_t rank, std::uint64_t seed) {
  Trial trial;
  trial.config.method = "lora";
  trial.config.seed = seed;
  trial.config.settings = {
      {"rank", std::to_string(rank)}, {"alpha", std::to_string(rank)}, {"targets", "Wq+Wk+Wv+Wo"}};
  for (const auto& [key, value] : trial.config.settings) trial.train["settings." + key] = value;
  trial.train["method"] = "lora";
  trial.train["seed"] = std::to_string(seed);
  trial.train_hash = hash_of(trial.train);
  trial.eval_hash = hash_of({{"train", trial.train_hash}});
  return trial;
}

void make_finished(const SweepFolder& folder, const Trial& trial, Model& model) {
  make_trial_folder(folder, trial);
  const std::unique_ptr<Method> method = method_of(trial);
  const std::unique_ptr<Adaptation> adaptation = method->adapt(model, trial.config.seed);
  for (const TrainedParameter& trained : adaptation->trained()) {
    const std::string name = trained.parameter->name;
    if (!name.ends_with("lora_B")) continue;
    std::span<float> values = trained.parameter->value.values();
    Draws(trial.config.seed, "bench analysis", name + trial.setting("rank")).fill_normal(values);
    for (float& x : values) x *= 0.01f;
  }
  save_adapter(folder.train_folder(trial) / "adapter", model, *adaptation, *method);
  write_done(folder.eval_folder(trial), OrderedJson::object(), 0, {});
}

}  // namespace

void make_wide_adapters(const fs::path& root) {
  make_once(root, std::string(kConfig) + "\nrank " + std::to_string(kRank), [&] {
    make_adapter(root / "one");
    make_adapter(root / "other");
    make_base(root / "base");
  });
}

Manifest make_adapter_sweep(const SweepFolder& folder, const fs::path& base) {
  Manifest manifest{.name = "adapters",
                    .file_text = {},
                    .base_hash = hash_of({{"base", "bench analysis"}}),
                    .overrides = {},
                    .base = base,
                    .analysis = AnalysisSettings{},
                    .trials = {}};
  for (std::int64_t rank = 1; rank <= 128; rank *= 2)
    for (std::uint64_t seed = 1; seed <= 5; ++seed)
      manifest.trials.push_back(adapter_trial(rank, seed));
  std::string content = read_text_file(base / "config.json");
  for (const Trial& trial : manifest.trials) content += "\n" + trial.train_hash;
  make_once(folder.path(), content, [&] {
    const std::unique_ptr<Backend> backend = make_cpu_backend(1);
    const std::unique_ptr<Model> model = load_model(base, *backend);
    for (const Trial& trial : manifest.trials) make_finished(folder, trial, *model);
  });
  return manifest;
}

}  // namespace rankscope::bench
