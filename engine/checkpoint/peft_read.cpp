#include <algorithm>
#include <cstring>
#include <set>

#include "common/error.h"
#include "common/safetensors.h"
#include "common/suggest.h"
#include "common/text.h"
#include "engine/checkpoint/peft_adapter.h"
#include "engine/checkpoint/peft_config.h"
#include "engine/checkpoint/stored_tensor.h"

namespace rankscope {
namespace {

constexpr std::string_view kPrefix = "base_model.model.";

using ModuleSites = std::map<std::string, std::vector<const SiteSpec*>>;

ModuleSites sites_by_module(const ModelShape& shape) {
  ModuleSites modules;
  for (const SiteSpec& spec : shape.sites) modules[spec.module].push_back(&spec);
  return modules;
}

struct StoredModule {
  const TensorEntry* a = nullptr;
  const TensorEntry* b = nullptr;
};

// Takes "base_model.model.PATH.lora_A.weight" apart. PATH may lack the base model's prefix, as in
// adapters of the model without its head.
bool place_tensor(const TensorEntry& entry, const ModelShape& shape, const ModuleSites& modules,
                  std::map<std::string, StoredModule>& stored) {
  std::string_view name = entry.name;
  if (!name.starts_with(kPrefix)) return false;
  name.remove_prefix(kPrefix.size());
  for (const bool first : {true, false}) {
    const std::string_view ending = first ? ".lora_A.weight" : ".lora_B.weight";
    if (!name.ends_with(ending)) continue;
    std::string module(name.substr(0, name.size() - ending.size()));
    if (!modules.contains(module)) module = shape.prefix + module;
    if (!modules.contains(module)) return false;
    const TensorEntry*& slot = first ? stored[module].a : stored[module].b;
    if (slot != nullptr) return false;
    slot = &entry;
    return true;
  }
  return false;
}

std::map<std::string, StoredModule> stored_modules(const SafetensorsFile& file,
                                                   const ModelShape& shape,
                                                   const ModuleSites& modules) {
  std::map<std::string, StoredModule> stored;
  for (const TensorEntry& entry : file.entries()) {
    if (place_tensor(entry, shape, modules, stored)) continue;
    throw InputError(file.source_name() + ": tensor '" + printable(entry.name) +
                     "' is no LoRA factor of a matrix that this " + shape.config.family +
                     " model can adapt; check that the adapter belongs to the model");
  }
  if (stored.empty()) {
    throw InputError(file.source_name() + ": holds no LoRA factors; the adapter is empty");
  }
  for (const auto& [name, module] : stored) {
    if (module.a == nullptr || module.b == nullptr) {
      throw InputError(file.source_name() + ": module '" + name + "' has lora_" +
                       (module.a ? "A but no lora_B" : "B but no lora_A") +
                       "; the adapter is incomplete");
    }
  }
  return stored;
}

struct ModuleReader {
  const SafetensorsFile& file;
  const StoredModule& stored;
  const std::vector<const SiteSpec*>& sites;

  int64_t rank() const { return stored.a->shape.empty() ? 0 : stored.a->shape[0]; }

  void check_shapes() const {
    int64_t out = 0;
    for (const SiteSpec* spec : sites) out += spec->out;
    check_stored_tensor(file, *stored.a, {rank(), sites.front()->in});
    check_stored_tensor(file, *stored.b, {out, rank()});
    if (rank() < 1) {
      throw InputError(file.source_name() + ": tensor '" + printable(stored.a->name) +
                       "' has rank 0; remove the module from the adapter");
    }
  }

  // A's rows [first, first + r) and, of B, this site's rows and those columns.
  void read(const SiteSpec& spec, int64_t first, Backend& backend,
            LowRankAdaptation::Factors& factors) const {
    const std::vector<float> a = stored_values(file, *stored.a);
    const std::vector<float> b = stored_values(file, *stored.b);
    const int64_t r = factors.a.value.rows();
    backend.upload(a.data() + first * spec.in, factors.a.value.matrix());
    std::vector<float> columns;
    for (int64_t row = 0; row < spec.out; ++row) {
      const float* from = b.data() + (spec.begin + row) * rank() + first;
      columns.insert(columns.end(), from, from + r);
    }
    backend.upload(columns.data(), factors.b.value.matrix());
  }
};

// The modules of the file must be those that the config means: PEFT would leave the others at their
// start, or drop them.
void check_targets(const PeftConfig& config, const SafetensorsFile& file,
                   const ModuleSites& modules, const std::map<std::string, StoredModule>& stored,
                   const std::string& where) {
  for (const auto& [name, sites] : modules) {
    if (config.targets(name) == stored.contains(name)) continue;
    throw InputError(where + ": field 'target_modules' " +
                     (stored.contains(name) ? "does not cover" : "covers") + " module '" + name +
                     "', which " + file.source_name() +
                     (stored.contains(name) ? " holds" : " does not hold") +
                     "; the two files do not belong together");
  }
}

void read_from_config(const std::filesystem::path& folder, const SafetensorsFile& file,
                      const ModuleSites& modules, const std::map<std::string, StoredModule>& stored,
                      Backend& backend, LowRankAdaptation& adaptation) {
  const std::string where = (folder / kPeftConfigFile).string();
  const PeftConfig config = PeftConfig::read(folder / kPeftConfigFile);
  check_targets(config, file, modules, stored, where);
  for (const auto& [name, module] : stored) {
    const ModuleReader reader{file, module, modules.at(name)};
    reader.check_shapes();
    if (config.rank(name) != reader.rank()) {
      throw InputError(where + ": module '" + name + "' has rank " +
                       std::to_string(config.rank(name)) + " by r and rank_pattern, but rank " +
                       std::to_string(reader.rank()) + " in " + file.source_name() +
                       "; the two files do not belong together");
    }
    for (const SiteSpec* spec : modules.at(name)) {
      reader.read(*spec, 0, backend,
                  adaptation.add(*spec, reader.rank(), config.scale(name), config.dropout()));
    }
  }
}

void read_exact(const std::filesystem::path& folder, Backend& backend,
                LowRankAdaptation::Factors& factors) {
  const SafetensorsFile file(folder / kExactFile);
  const TensorEntry& entry = file.at(factors.b.name);
  check_stored_tensor(file, entry, {factors.b.value.rows(), factors.b.value.cols()});
  const std::vector<float> values = stored_values(file, entry);
  backend.upload(values.data(), factors.b.value.matrix());
}

void read_from_record(const std::filesystem::path& folder, const SafetensorsFile& file,
                      const ModelShape& shape, const ModuleSites& modules,
                      const std::map<std::string, StoredModule>& stored,
                      const AdapterRecord& record, Backend& backend,
                      LowRankAdaptation& adaptation) {
  const auto refuse = [&](const std::string& fault) {
    throw InputError((folder / kRecordFile).string() + ": field 'sites' " + fault +
                     "; restore the file, or remove it to read the folder as PEFT would");
  };
  std::map<std::string, int64_t> taken;  // ranks of a module that sites have taken so far
  std::set<Site> seen;
  for (const SiteShare& share : record.sites) {
    const SiteSpec* spec = shape.find(share.site);
    if (spec == nullptr || !stored.contains(spec->module)) {
      refuse("names " + share.site.name() + ", which the adapter or the model lacks");
    }
    if (!seen.insert(share.site).second) refuse("names " + share.site.name() + " twice");
    const ModuleReader reader{file, stored.at(spec->module), modules.at(spec->module)};
    reader.check_shapes();
    int64_t& first = taken[spec->module];
    if (share.rank > reader.rank() - first) {
      refuse("gives " + share.site.name() + " more rank than " + spec->module + " has");
    }
    LowRankAdaptation::Factors& factors =
        adaptation.add(*spec, share.rank, share.scale, share.dropout);
    reader.read(*spec, first, backend, factors);
    if (share.exact_beside) read_exact(folder, backend, factors);
    first += share.rank;
  }
  for (const auto& [name, module] : stored) {
    if (taken[name] != ModuleReader{file, module, modules.at(name)}.rank()) {
      refuse("does not account for the whole rank of " + name);
    }
  }
}

}  // namespace

std::unique_ptr<LowRankAdaptation> read_peft_adapter(const std::filesystem::path& folder,
                                                     Model& model, const AdapterRecord* record) {
  const SafetensorsFile file(folder / kPeftWeightsFile);
  const ModuleSites modules = sites_by_module(model.shape());
  const std::map<std::string, StoredModule> stored = stored_modules(file, model.shape(), modules);
  auto adaptation = std::make_unique<LowRankAdaptation>(model);
  if (record != nullptr) {
    read_from_record(folder, file, model.shape(), modules, stored, *record, model.backend(),
                     *adaptation);
  } else {
    read_from_config(folder, file, modules, stored, model.backend(), *adaptation);
  }
  return adaptation;
}

}  // namespace rankscope
