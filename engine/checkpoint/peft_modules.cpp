#include "engine/checkpoint/peft_modules.h"

#include <span>

#include "common/error.h"
#include "common/text.h"
#include "engine/checkpoint/peft_adapter.h"
#include "engine/checkpoint/peft_files.h"
#include "engine/checkpoint/stored_tensor.h"

namespace rankscope {
namespace {

// A module's tensor: what its name ends with, and where it goes.
struct TensorEnding {
  std::string_view text;
  const TensorEntry* PeftModule::*slot;
};
constexpr TensorEnding kFactors[] = {{".lora_A.weight", &PeftModule::a},
                                     {".lora_B.weight", &PeftModule::b},
                                     {".lora_magnitude_vector", &PeftModule::magnitude}};
constexpr TensorEnding kTriples[] = {
    {".lora_A", &PeftModule::a}, {".lora_B", &PeftModule::b}, {".lora_E", &PeftModule::e}};

std::span<const TensorEnding> endings_of(PeftKind kind) {
  if (kind == PeftKind::kAdaLora) return kTriples;
  return std::span(kFactors).first(kind == PeftKind::kDora ? 3 : 2);
}

// ".lora_A.weight" -> "lora_A"
std::string short_name(const TensorEnding& ending) {
  const std::string_view text = ending.text.substr(1);
  return std::string(text.substr(0, text.find('.')));
}

}  // namespace

SitesByModule sites_by_module(const ModelShape& shape) {
  SitesByModule modules;
  for (const SiteSpec& spec : shape.sites) modules[spec.module].push_back(&spec);
  return modules;
}

PeftModules::PeftModules(const SafetensorsFile& file, const ModelShape& shape, PeftKind kind)
    : file_(file), prefix_(shape.prefix), sites_(sites_by_module(shape)) {
  for (const TensorEntry& entry : file.entries()) {
    if (place(entry, shape, kind)) continue;
    if (is_saved_whole(entry.name)) refuse_saved_whole(file, entry);
    throw InputError(file.source_name() + ": tensor '" + printable(entry.name) +
                     "' is no LoRA factor of a matrix that this " + shape.config.family +
                     " model can adapt; check that the adapter belongs to the model");
  }
  if (modules_.empty()) {
    throw InputError(file.source_name() + ": holds no LoRA factors; the adapter is empty");
  }
  for (auto& [name, module] : modules_) check(name, module, kind);
}

// Takes "base_model.model.PATH.lora_A.weight" apart. PATH may lack the base model's prefix, as in
// adapters of the model without its head.
bool PeftModules::place(const TensorEntry& entry, const ModelShape& shape, PeftKind kind) {
  std::string_view name = entry.name;
  if (!name.starts_with(kPeftModulePrefix)) return false;
  name.remove_prefix(kPeftModulePrefix.size());
  for (const TensorEnding& ending : endings_of(kind)) {
    if (!name.ends_with(ending.text)) continue;
    std::string module(name.substr(0, name.size() - ending.text.size()));
    const bool whole = sites_.contains(module);
    if (!whole) module = shape.prefix + module;
    if (!sites_.contains(module)) return false;
    without_head_ |= !whole;
    const TensorEntry*& slot = modules_[module].*ending.slot;
    if (slot != nullptr) return false;
    slot = &entry;
    return true;
  }
  return false;
}

std::string PeftModules::own_path(const std::string& module) const {
  return without_head_ && module.starts_with(prefix_) ? module.substr(prefix_.size()) : module;
}

void PeftModules::check(const std::string& name, PeftModule& module, PeftKind kind) const {
  const TensorEnding *there = nullptr, *missing = nullptr;
  for (const TensorEnding& ending : endings_of(kind)) {
    const TensorEnding*& found = module.*ending.slot != nullptr ? there : missing;
    if (found == nullptr) found = &ending;
  }
  if (missing != nullptr) {
    throw InputError(file_.source_name() + ": module '" + printable(name) + "' has " +
                     short_name(*there) + " but no " + short_name(*missing) +
                     "; the adapter is incomplete");
  }
  const std::vector<const SiteSpec*>& sites = sites_.at(name);
  int64_t out = 0;
  for (const SiteSpec* spec : sites) out += spec->out;
  const int64_t rank = module.a->shape.empty() ? 0 : module.a->shape[0];
  check_stored_tensor(file_, *module.a, {rank, sites.front()->in});
  check_stored_tensor(file_, *module.b, {out, rank});
  if (module.magnitude != nullptr) check_stored_tensor(file_, *module.magnitude, {out});
  if (module.e != nullptr) check_stored_tensor(file_, *module.e, {rank, 1});
  if (rank < 1 && kind != PeftKind::kAdaLora) {
    throw InputError(file_.source_name() + ": tensor '" + printable(module.a->name) +
                     "' has rank 0; remove the module from the adapter");
  }
  module.rank = rank;
}

void PeftModules::read_factors(const SiteSpec& spec, int64_t first, Backend& backend,
                               LowRankAdaptation::Factors& factors) const {
  const PeftModule& module = modules_.at(spec.module);
  std::vector<float> a = stored_values(file_, *module.a);
  const std::vector<float> b = stored_values(file_, *module.b);
  if (module.e != nullptr) {
    const std::vector<float> e = stored_values(file_, *module.e);
    for (size_t i = 0; i < a.size(); ++i) a[i] *= e[i / static_cast<size_t>(spec.in)];
  }
  const int64_t r = factors.a.value.rows();
  backend.upload(a.data() + first * spec.in, factors.a.value.matrix());
  std::vector<float> columns;
  for (int64_t row = 0; row < spec.out; ++row) {
    const float* from = b.data() + (spec.begin + row) * module.rank + first;
    columns.insert(columns.end(), from, from + r);
  }
  backend.upload(columns.data(), factors.b.value.matrix());
}

void PeftModules::read_magnitude(const SiteSpec& spec, Backend& backend,
                                 Parameter& magnitude) const {
  const std::vector<float> all = stored_values(file_, *modules_.at(spec.module).magnitude);
  backend.upload(all.data() + spec.begin, magnitude.value.matrix());
}

}  // namespace rankscope
