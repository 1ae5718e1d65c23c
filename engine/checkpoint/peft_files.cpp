#include "engine/checkpoint/peft_files.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "common/error.h"
#include "common/files.h"
#include "common/json.h"
#include "common/text.h"
#include "engine/checkpoint/peft_adapter.h"

namespace rankscope {
namespace {

constexpr const char* kPickledFile = "adapter_model.bin";

// alpha = scale * r (or sqrt r), a whole number where it is one but for rounding.
Json alpha_of(const ModuleToWrite& module, bool rslora) {
  const auto r = static_cast<double>(module.rank);
  const double alpha = module.scale * (rslora ? std::sqrt(r) : r);
  const double whole = std::round(alpha);
  if (whole != 0 && std::abs(alpha - whole) <= 1e-12 * std::abs(alpha) && std::abs(whole) < 1e15) {
    return static_cast<int64_t>(whole);
  }
  return alpha;
}

// MODULE -> value where it is not the common one, under the short name where the module has the
// same value in every layer.
Json pattern_of(const std::vector<ModuleToWrite>& modules, const std::vector<Json>& values) {
  std::map<std::string, std::set<std::string>> distinct;
  for (size_t i = 0; i < modules.size(); ++i) {
    distinct[modules[i].short_name].insert(values[i].dump());
  }
  Json pattern = Json::object();
  for (size_t i = 0; i < modules.size(); ++i) {
    const bool uniform = distinct.at(modules[i].short_name).size() == 1;
    if (uniform && values[i] == values.front()) continue;
    pattern[uniform ? modules[i].short_name : modules[i].path] = values[i];
  }
  return pattern;
}

// target_modules, and layers_to_transform where some layers only are adapted.
void describe_targets(const std::vector<ModuleToWrite>& modules, const AdapterToWrite& about,
                      Json& config) {
  std::set<std::string> names, paths;
  std::set<int> layers;
  for (const ModuleToWrite& module : modules) {
    names.insert(module.short_name);
    paths.insert(module.path);
    layers.insert(module.layer);
  }
  const bool same_in_each_layer = modules.size() == names.size() * layers.size();
  config["target_modules"] = same_in_each_layer ? names : paths;
  config["layers_to_transform"] = nullptr;
  config["layers_pattern"] = nullptr;
  if (same_in_each_layer && static_cast<int64_t>(layers.size()) < about.layers) {
    config["layers_to_transform"] = layers;
    // "transformer.h." -> "h"
    const std::string path = about.layer_prefix.substr(0, about.layer_prefix.size() - 1);
    config["layers_pattern"] = path.substr(path.rfind('.') + 1);
  }
}

Json peft_config(const std::vector<ModuleToWrite>& modules, const AdapterToWrite& about) {
  std::vector<Json> ranks, alphas;
  for (const ModuleToWrite& module : modules) {
    ranks.push_back(module.rank);
    alphas.push_back(alpha_of(module, about.rslora));
  }
  Json config;
  config["peft_type"] = "LORA";
  config["task_type"] = nullptr;
  if (about.task_type) config["task_type"] = *about.task_type;
  config["base_model_name_or_path"] = about.base;
  config["inference_mode"] = true;
  config["bias"] = "none";
  config["r"] = ranks.front();
  config["lora_alpha"] = alphas.front();
  config["rank_pattern"] = pattern_of(modules, ranks);
  config["alpha_pattern"] = pattern_of(modules, alphas);
  config["lora_dropout"] = about.dropout;
  config["use_rslora"] = about.rslora;
  config["use_dora"] = about.dora;
  config["fan_in_fan_out"] = about.fan_in_fan_out;
  config["init_lora_weights"] = true;
  config["modules_to_save"] = nullptr;
  describe_targets(modules, about, config);
  return config;
}

}  // namespace

void require_peft_folder(const std::filesystem::path& folder) {
  if (!is_there(folder / kPeftConfigFile))
    throw InputError("adapter folder '" + printable_path(folder) + "' has neither " + kRecordFile +
                     " nor " + kPeftConfigFile + "; give a folder that 'train' or PEFT wrote");
  if (!is_there(folder / kPeftWeightsFile) && is_there(folder / kPickledFile))
    throw InputError("'" + printable_path(folder / kPickledFile) +
                     "' is a pickle, which is not read; save the adapter as " + kPeftWeightsFile +
                     " with PEFT (save_pretrained)");
}

bool is_saved_whole(std::string_view tensor) {
  return tensor.starts_with(kPeftModulePrefix) && tensor.find(".lora_") == tensor.npos &&
         (tensor.ends_with(".weight") || tensor.ends_with(".bias"));
}

void refuse_saved_whole(const SafetensorsFile& file, const TensorEntry& tensor) {
  throw InputError(file.source_name() + ": tensor '" + printable(tensor.name) +
                   "' was saved whole, which is not supported; where it is the base's own, save "
                   "the adapter with PEFT without it (save_embedding_layers=False), else merge the "
                   "adapter into its base with PEFT");
}

void stack_shares(ModuleToWrite& module, std::span<const OutputShare> shares) {
  module.rank = 0;
  for (const OutputShare& share : shares) module.rank += share.rank;
  module.a.clear();
  module.b.assign(static_cast<size_t>(module.out * module.rank), 0.0f);
  int64_t first = 0;
  for (const OutputShare& share : shares) {
    module.a.insert(module.a.end(), share.a.begin(), share.a.end());
    for (int64_t row = 0; row < share.out; ++row) {
      const float* from = share.b.data() + row * share.rank;
      float* to = module.b.data() + (share.begin + row) * module.rank + first;
      std::transform(from, from + share.rank, to, [&](float x) { return x * share.factor; });
    }
    first += share.rank;
  }
}

void write_peft_files(const std::filesystem::path& folder,
                      const std::vector<ModuleToWrite>& modules, const AdapterToWrite& about) {
  std::vector<TensorToWrite> tensors;
  for (const ModuleToWrite& m : modules) {
    const std::string name = std::string(kPeftModulePrefix) + m.path;
    tensors.push_back({name + ".lora_A.weight", DType::kF32, {m.rank, m.in}, m.a.data()});
    tensors.push_back({name + ".lora_B.weight", DType::kF32, {m.out, m.rank}, m.b.data()});
    if (about.dora) {
      tensors.push_back(
          {name + ".lora_magnitude_vector", DType::kF32, {m.out}, m.magnitude.data()});
    }
  }
  write_safetensors(folder / kPeftWeightsFile, std::move(tensors), {{"format", "pt"}});
  write_file_atomically(folder / kPeftConfigFile, json_text(peft_config(modules, about), 2) + "\n");
}

}  // namespace rankscope
