#include "engine/checkpoint/factor_modules.h"

#include <string_view>

#include "common/error.h"
#include "common/text.h"
#include "engine/checkpoint/peft_adapter.h"
#include "engine/checkpoint/peft_files.h"
#include "engine/checkpoint/stored_tensor.h"

namespace rankscope {

std::map<std::string, FactorModule> factor_modules(const SafetensorsFile& file,
                                                   const PeftConfig& config,
                                                   PeftConfig::SavedModules saved) {
  if (config.kind() != PeftKind::kLora) {
    throw InputError(
        file.source_name() + ": belongs to an adapter of " +
        (config.kind() == PeftKind::kDora ? "DoRA (use_dora)" : "AdaLoRA (peft_type)") +
        ", whose update is more than B A; `combine` takes LoRA adapters alone, and `analyze` the "
        "model that `merge --dtype f32` makes of this one, with the base as --model");
  }
  std::map<std::string, FactorModule> modules;
  for (const TensorEntry& entry : file.entries()) {
    std::string_view name = entry.name;
    if (config.saves(entry.name)) continue;
    if (is_saved_whole(name)) {
      if (saved == PeftConfig::SavedModules::kPassOver) continue;
      refuse_saved_whole(file, entry);
    }
    const bool a = name.ends_with(".lora_A.weight"), b = name.ends_with(".lora_B.weight");
    if (!name.starts_with(kPeftModulePrefix) || !(a || b) || entry.shape.size() != 2) {
      throw InputError(file.source_name() + ": tensor '" + printable(entry.name) +
                       "' is no LoRA factor of a matrix; only LoRA adapters can be used here");
    }
    name.remove_prefix(kPeftModulePrefix.size());
    name.remove_suffix(std::string_view(".lora_A.weight").size());
    (a ? modules[std::string(name)].a : modules[std::string(name)].b) = &entry;
  }
  if (modules.empty()) {
    throw InputError(file.source_name() + ": holds no LoRA factors; the adapter is empty");
  }
  for (const auto& [name, module] : modules) {
    const bool complete = module.a != nullptr && module.b != nullptr;
    const bool alike = complete && module.a->shape[0] == module.b->shape[1];
    if (alike && module.a->elements() > 0 && module.b->elements() > 0) continue;
    throw InputError(file.source_name() + ": module '" + printable(name) + "' " +
                     (!complete ? "lacks one of its two factors"
                      : !alike  ? "has factors of different ranks"
                                : "has a factor without elements") +
                     "; the adapter is damaged");
  }
  return modules;
}

SiteFactors cut_out(const SafetensorsFile& file, const FactorModule& module, std::int64_t begin,
                    std::int64_t out, std::int64_t first, std::int64_t rank) {
  const std::int64_t whole = module.a->shape[0], in = module.a->shape[1];
  check_stored_tensor(file, *module.a, {whole, in});
  check_stored_tensor(file, *module.b, module.b->shape);
  const std::vector<float> a = stored_values(file, *module.a), b = stored_values(file, *module.b);
  SiteFactors factors;
  factors.begin = begin;
  factors.module_out = module.b->shape[0];
  factors.rank = rank;
  factors.in = in;
  factors.out = out;
  factors.a.assign(a.begin() + first * in, a.begin() + (first + rank) * in);
  for (std::int64_t row = begin; row < begin + out; ++row) {
    const auto start = b.begin() + row * whole + first;
    factors.b.insert(factors.b.end(), start, start + rank);
  }
  return factors;
}

}  // namespace rankscope
