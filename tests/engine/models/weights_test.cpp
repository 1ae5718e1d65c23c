// Loading a model folder: the forms that are read, and what does not fit.
#include "engine/models/weights.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>

#include "common/error.h"
#include "engine/models/model.h"
#include "tests/engine/models/model_folder.h"
#include "tests/error_text.h"

namespace rankscope {
namespace {

using Catch::Matchers::Contains;
using tests::ModelFolder;
using tests::OwnedTensors;

std::string refusal(const std::filesystem::path& folder) {
  const auto backend = make_cpu_backend(1);
  return tests::error_text<InputError>([&] { load_model(folder, *backend); });
}

std::string hash_of(const std::filesystem::path& folder) {
  const auto backend = make_cpu_backend(1);
  return load_model(folder, *backend)->weights_hash();
}

TEST_CASE("Every golden model folder loads") {
  const auto backend = make_cpu_backend(1);
  for (const char* name : {"gpt2_tied", "gpt2_untied", "llama_gqa", "llama_mqa_bias", "llama3_rope",
                           "llama_linear_rope", "qwen2", "mistral", "dtypes/f16", "dtypes/bf16",
                           "dtypes/sharded", "dtypes/unprefixed_gpt2"}) {
    INFO(name);
    const auto model = load_model(tests::golden_folder(name), *backend);
    CHECK(model->parameters().size() == model->shape().tensors.size());
    CHECK(model->folder() == tests::golden_folder(name));
  }
}

TEST_CASE("Names with and without the prefix, and shards, give the same weights") {
  ModelFolder unprefixed("gpt2_tied");
  const std::string expected = hash_of(unprefixed.path());
  unprefixed.change_tensors([](OwnedTensors& tensors) {
    OwnedTensors renamed;
    for (auto& [name, tensor] : tensors) renamed[name.substr(12)] = tensor;  // "transformer."
    tensors = renamed;
  });
  CHECK(hash_of(unprefixed.path()) == expected);

  ModelFolder whole("dtypes/sharded");
  const std::string sharded = hash_of(whole.path());
  OwnedTensors tensors = tests::read_tensors(whole.path() / "model-00001-of-00002.safetensors");
  tensors.merge(tests::read_tensors(whole.path() / "model-00002-of-00002.safetensors"));
  tests::write_tensors(whole.path() / "model.safetensors", tensors);
  CHECK(hash_of(whole.path()) == sharded);
}

// Of the file, as this process maps it.
int64_t resident_kib(const std::filesystem::path& file) {
  std::ifstream maps("/proc/self/smaps");
  int64_t kib = 0;
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    const std::string first = line.substr(0, line.find(' '));
    if (!first.ends_with(':')) inside = line.ends_with(file.string());
    if (inside && first == "Rss:") kib += std::stoll(line.substr(first.size()));
  }
  return kib;
}

TEST_CASE("A tensor that is made writable leaves none of its file in memory") {
  const std::filesystem::path base =
      std::filesystem::canonical(RANKSCOPE_SOURCE_DIR) / "datasets/embedded/base";
  const auto backend = make_cpu_backend(1);
  const auto model = load_model(base, *backend);
  const std::string hash = model->weights_hash();  // reads all of it
  const std::string name = model->shape().embedding;
  const int64_t before = resident_kib(base / "model.safetensors");
  model->make_writable(name);
  const int64_t released = before - resident_kib(base / "model.safetensors");
  const int64_t stored = 2 * model->shape().find_tensor(name)->size() >> 10;
  // Pages of neighbours come with those that are read.
  CHECK(released > stored / 2);
  CHECK(model->weights_hash() == hash);
}

TEST_CASE("A folder's matrices are of 16 bits where all of them are") {
  CHECK(matrix_type(tests::golden_folder("gpt2_tied")) == DType::kF32);
  CHECK(matrix_type(tests::golden_folder("dtypes/bf16")) == DType::kBF16);
  CHECK(matrix_type(tests::golden_folder("dtypes/f16")) == DType::kF16);
  CHECK(matrix_type(tests::golden_folder("dtypes/sharded")) == DType::kF32);

  ModelFolder mixed("dtypes/bf16");
  mixed.change_tensors([](OwnedTensors& tensors) {
    for (auto& [name, tensor] : tensors) {
      if (tensor.shape.size() != 2) continue;
      tensor.dtype = DType::kF32;
      tensor.bytes.resize(2 * tensor.bytes.size());
      return;
    }
  });
  CHECK(matrix_type(mixed.path()) == DType::kF32);

  ModelFolder without("gpt2_tied");
  std::filesystem::remove(without.path() / "model.safetensors");
  for (const char* key : {"torch_dtype", "dtype"}) {
    without.change_config([&](Json& config) {
      config.erase("dtype");
      config.erase("torch_dtype");
      config[key] = "bfloat16";
    });
    CHECK(matrix_type(without.path()) == DType::kBF16);
  }

  ModelFolder partly("dtypes/sharded");
  std::filesystem::remove(partly.path() / "model-00002-of-00002.safetensors");
  partly.change_config([](Json& config) { config["dtype"] = "float16"; });
  CHECK(matrix_type(partly.path()) == DType::kF16);
  // A pointer in place of the file, as a clone without large files has it.
  write_file_atomically(without.path() / "model.safetensors", "version https://git-lfs\n");
  CHECK(matrix_type(without.path()) == DType::kBF16);
  without.change_config([](Json& config) {
    config["dtype"] = "float32";
    config["torch_dtype"] = "bfloat16";
  });
  CHECK(matrix_type(without.path()) == DType::kF32);
}

TEST_CASE("A changed weight changes the hash") {
  ModelFolder folder("llama_gqa");
  const std::string before = hash_of(folder.path());
  folder.change_tensors(
      [](OwnedTensors& t) { t.at("model.norm.weight").bytes[2] ^= std::byte{1}; });
  CHECK(hash_of(folder.path()) != before);
}

TEST_CASE("Tensors at any offset of the file are read") {
  ModelFolder folder("llama_gqa");
  const std::string expected = hash_of(folder.path());
  // One byte of padding in the header shifts all data.
  const std::string text = read_text_file(folder.path() / "model.safetensors");
  uint64_t length = 0;
  std::memcpy(&length, text.data(), 8);
  const uint64_t longer = length + 1;
  std::string shifted(reinterpret_cast<const char*>(&longer), 8);
  shifted += text.substr(8, length) + " " + text.substr(8 + length);
  write_file_atomically(folder.path() / "model.safetensors", shifted);
  CHECK(hash_of(folder.path()) == expected);
}

TEST_CASE("Buffers that older checkpoints store are passed over") {
  ModelFolder llama("llama_gqa");
  llama.change_tensors([](OwnedTensors& tensors) {
    tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = {
        DType::kF32, {1}, std::vector<std::byte>(4)};
  });
  CHECK(refusal(llama.path()) == "nothing was thrown");
  ModelFolder gpt2("gpt2_tied");
  gpt2.change_tensors([](OwnedTensors& tensors) {
    const auto mask = tests::OwnedTensor{DType::kU8, {4}, std::vector<std::byte>(4)};
    tensors["transformer.h.0.attn.bias"] = mask;
    tensors["transformer.h.1.attn.masked_bias"] = mask;
  });
  CHECK(refusal(gpt2.path()) == "nothing was thrown");
  gpt2.change_tensors([](OwnedTensors& tensors) {
    tensors["transformer.h.x.attn.bias"] = {DType::kU8, {4}, std::vector<std::byte>(4)};
  });
  CHECK_THAT(refusal(gpt2.path()), Contains("'transformer.h.x.attn.bias'"));
}

TEST_CASE("A stored copy of a tied head must equal the embedding") {
  ModelFolder folder("gpt2_tied");
  folder.change_tensors(
      [](OwnedTensors& t) { t["lm_head.weight"] = t.at("transformer.wte.weight"); });
  CHECK(refusal(folder.path()) == "nothing was thrown");
  folder.change_tensors([](OwnedTensors& t) { t.at("lm_head.weight").bytes[150] ^= std::byte{1}; });
  CHECK_THAT(refusal(folder.path()),
             Contains("'lm_head.weight'") && Contains("row 1") && Contains("tie_word_embeddings"));
}

TEST_CASE("Tensors that do not fit the config are refused by file, name and shapes") {
  ModelFolder folder("llama_gqa");
  const std::string name = "model.layers.1.mlp.up_proj.weight";
  SECTION("missing") {
    folder.change_tensors([&](OwnedTensors& t) { t.erase(name); });
    CHECK_THAT(refusal(folder.path()), Contains("model.safetensors: tensor '" + name) &&
                                           Contains("[80, 48]") && Contains("missing"));
  }
  SECTION("extra") {
    folder.change_tensors(
        [&](OwnedTensors& t) { t["model.layers.2.mlp.up_proj.weight"] = t[name]; });
    CHECK_THAT(refusal(folder.path()),
               Contains("'model.layers.2.mlp.up_proj.weight' [80, 48] is no part of the model"));
  }
  SECTION("another shape") {
    folder.change_config([](Json& config) { config["intermediate_size"] = 40; });
    CHECK_THAT(refusal(folder.path()), Contains("[48, 80]") && Contains("[48, 40]"));
  }
  SECTION("transposed") {
    folder.change_tensors([&](OwnedTensors& t) { t.at(name).shape = {48, 80}; });
    CHECK_THAT(refusal(folder.path()), Contains("[48, 80]") && Contains("[80, 48]"));
  }
  SECTION("a type that is no float") {
    folder.change_tensors([&](OwnedTensors& t) { t.at(name).dtype = DType::kI32; });
    CHECK_THAT(refusal(folder.path()), Contains("'" + name + "'") && Contains("I32"));
  }
  SECTION("given with and without the prefix") {
    folder.change_tensors([&](OwnedTensors& t) { t[name.substr(6)] = t.at(name); });
    CHECK_THAT(refusal(folder.path()), Contains("second of its name"));
  }
  SECTION("another vocabulary") {
    folder.change_config([](Json& config) { config["vocab_size"] = 1014; });
    CHECK_THAT(refusal(folder.path()), Contains("[1013, 48]") && Contains("[1014, 48]"));
  }
}

TEST_CASE("A folder whose files are missing or damaged is refused") {
  ModelFolder folder("llama_gqa");
  SECTION("no weights") {
    std::filesystem::remove(folder.path() / "model.safetensors");
    CHECK_THAT(refusal(folder.path()), Contains("neither model.safetensors nor"));
  }
  SECTION("no config") {
    std::filesystem::remove(folder.path() / "config.json");
    CHECK_THAT(refusal(folder.path()), Contains("config.json"));
  }
  SECTION("truncated weights") {
    std::filesystem::resize_file(folder.path() / "model.safetensors", 5000);
    CHECK_THAT(refusal(folder.path()), Contains("model.safetensors"));
  }
}

TEST_CASE("Shards must be what the index says") {
  ModelFolder folder("dtypes/sharded");
  const auto index_path = folder.path() / "model.safetensors.index.json";
  Json index = read_json_file(index_path.string());
  const std::string name = "model.layers.1.mlp.up_proj.weight";
  SECTION("a tensor in the wrong shard") {
    index["weight_map"][name] = "model-00001-of-00002.safetensors";
    write_file_atomically(index_path, index.dump());
    CHECK_THAT(refusal(folder.path()), Contains(name) && Contains("00001"));
  }
  SECTION("a tensor the index lacks") {
    index["weight_map"].erase(name);
    write_file_atomically(index_path, index.dump());
    CHECK_THAT(refusal(folder.path()), Contains(name) && Contains("index"));
  }
  SECTION("a shard outside the folder") {
    index["weight_map"][name] = "../model.safetensors";
    write_file_atomically(index_path, index.dump());
    CHECK_THAT(refusal(folder.path()), Contains("weight_map") && Contains("../model"));
  }
  SECTION("a missing shard") {
    std::filesystem::remove(folder.path() / "model-00002-of-00002.safetensors");
    CHECK_THAT(refusal(folder.path()), Contains("model-00002-of-00002.safetensors"));
  }
  SECTION("no map") {
    write_file_atomically(index_path, "{\"weight_map\": []}");
    CHECK_THAT(refusal(folder.path()), Contains("weight_map"));
  }
}

TEST_CASE("What is trainable is copied, and the file stays as it was") {
  const auto backend = make_cpu_backend(1);
  const auto path = tests::golden_folder("dtypes/bf16");
  const auto model = load_model(path, *backend);
  const std::string before = model->weights_hash();
  const std::string name = "model.layers.0.self_attn.q_proj.weight";
  CHECK(model->parameter(name).value.empty());
  model->make_trainable(name);
  CHECK(model->weights_hash() == before);
  CHECK(model->parameter(name).trainable());
  CHECK(model->site({0, SiteKind::Wq}).trainable());
  CHECK_FALSE(model->site({0, SiteKind::Wk}).trainable());
  model->parameter(name).value.data()[0] += 1.0f;
  model->refresh();
  CHECK(model->weights_hash() != before);
  CHECK(hash_of(path) == before);
}

TEST_CASE("GPT-2's three attention sites are columns of one parameter") {
  const auto backend = make_cpu_backend(1);
  const auto model = load_model(tests::golden_folder("gpt2_tied"), *backend);
  const WeightView whole = model->view("transformer.h.0.attn.c_attn.weight");
  const Parameter& bias = model->parameter("transformer.h.0.attn.c_attn.bias");
  int64_t first = 0;
  for (SiteKind kind : {SiteKind::Wq, SiteKind::Wk, SiteKind::Wv}) {
    const LinearWeight& site = model->site({0, kind});
    CHECK(site.in() == 36);
    CHECK(site.out() == 36);
    CHECK(site.view().data == static_cast<const float*>(whole.data) + first);
    CHECK(site.view().row_stride == 108);
    CHECK(site.bias() == bias.value.data() + first);
    first += 36;
  }
}

}  // namespace
}  // namespace rankscope
