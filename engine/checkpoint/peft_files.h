// The two files of a PEFT adapter: whether they are there, and, of low-rank updates, how they are
// made from the factors of its modules.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/safetensors.h"

namespace rankscope {

// InputError where a folder without a record of ours is none that PEFT wrote, or its weights are a
// pickle.
void require_peft_folder(const std::filesystem::path& folder);

// Whether a tensor is a weight or bias of the base that PEFT saved beside the factors: an embedding
// (save_embedding_layers), a head.
bool is_saved_whole(std::string_view tensor);
[[noreturn]] void refuse_saved_whole(const SafetensorsFile& file, const TensorEntry& tensor);

// A part of a module's outputs with factors of its own.
struct OutputShare {
  int64_t begin = 0;  // first output inside the module
  int64_t out = 0;
  int64_t rank = 0;
  std::vector<float> a;  // [rank, in]
  std::vector<float> b;  // [out, rank]
  float factor = 1;      // what b is multiplied by
};

struct ModuleToWrite {
  std::string path;        // "model.layers.0.self_attn.q_proj"
  std::string short_name;  // SiteSpec::peft_module, or the path
  int layer = 0;
  int64_t in = 0, out = 0;
  int64_t rank = 0;
  double scale = 0;
  std::vector<float> a;          // [rank, in]
  std::vector<float> b;          // [out, rank]
  std::vector<float> magnitude;  // [out] with DoRA, else empty
};

// Fills rank, a and b: the shares' A one below the other, and each B, times its factor, in its rows
// and columns among zeros.
void stack_shares(ModuleToWrite& module, std::span<const OutputShare> shares);

// What the config says of the whole adapter.
struct AdapterToWrite {
  std::string base;  // base_model_name_or_path
  // Which of PEFT's classes loads it; null: any.
  std::optional<std::string> task_type = "CAUSAL_LM";
  double dropout = 0;
  bool rslora = false;
  bool dora = false;
  bool fan_in_fan_out = false;  // the base stores [in, out]
  int64_t layers = 0;           // of the model; 0: not known
  std::string layer_prefix;     // "transformer.h."; not read where `layers` is 0
};

// Writes adapter_config.json and adapter_model.safetensors (fp32) into `folder`, which exists.
// There is at least one module.
void write_peft_files(const std::filesystem::path& folder,
                      const std::vector<ModuleToWrite>& modules, const AdapterToWrite& about);

}  // namespace rankscope
