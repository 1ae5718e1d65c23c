#include <cmath>
#include <stdexcept>

#include "common/safetensors.h"
#include "engine/checkpoint/peft_adapter.h"
#include "engine/checkpoint/peft_files.h"
#include "engine/methods/dora.h"

namespace rankscope {
namespace {

using Factors = LowRankAdaptation::Factors;

// The adapted sites of one PEFT module, in the order in which they are stacked.
struct Members {
  const SiteSpec* first = nullptr;
  std::vector<std::pair<const SiteSpec*, const Factors*>> sites;
};

std::vector<Members> members_of_modules(const ModelShape& shape,
                                        const LowRankAdaptation& adaptation) {
  std::vector<Members> modules;
  std::map<std::string, size_t> index;
  for (const SiteSpec& spec : shape.sites) {
    const auto found = adaptation.factors().find(spec.site);
    if (found == adaptation.factors().end()) continue;
    const auto [at, first] = index.emplace(spec.module, modules.size());
    if (first) modules.push_back({&spec, {}});
    modules[at->second].sites.emplace_back(&spec, found->second.get());
  }
  return modules;
}

// Where a site's scale is not the module's, its B carries the quotient.
ModuleToWrite stacked(const Members& members, const ModelShape& shape, Backend& backend) {
  const SiteSpec& first = *members.first;
  const TensorSpec& weight = *shape.find_tensor(first.weight);
  ModuleToWrite module;
  module.path = first.module;
  module.short_name = first.peft_module;
  module.layer = first.site.layer;
  module.in = first.in;
  module.out = weight.shape[first.stored_transposed ? 0 : 1];
  module.scale = members.sites.front().second->scale;
  std::vector<OutputShare> shares;
  for (const auto& [spec, factors] : members.sites) {
    const double quotient = factors->scale == module.scale ? 1.0 : factors->scale / module.scale;
    shares.push_back({spec->begin, spec->out, factors->a.value.rows(),
                      backend.to_host(factors->a.value.view()),
                      backend.to_host(factors->b.value.view()), static_cast<float>(quotient)});
  }
  stack_shares(module, shares);
  return module;
}

// The magnitudes of all outputs of the module: at a site that is not adapted the norms that the
// base has, with which DoRA changes nothing.
void fill_magnitude(ModuleToWrite& module, const Model& model, const DoraAdaptation& dora) {
  module.magnitude.resize(static_cast<size_t>(module.out));
  for (const SiteSpec& spec : model.shape().sites) {
    if (spec.module != module.path) continue;
    float* to = module.magnitude.data() + spec.begin;
    if (dora.factors().contains(spec.site)) {
      model.backend().download(dora.magnitude(spec.site).value.view(), to);
      continue;
    }
    for (double square : squares_of_outputs(model, spec)) {
      *to++ = static_cast<float>(std::sqrt(square));
    }
  }
}

}  // namespace

void write_peft_adapter(const std::filesystem::path& folder, const Model& model,
                        const LowRankAdaptation& adaptation, AdapterRecord& record) {
  if (adaptation.factors().empty())
    throw std::logic_error("method " + record.method + " has no site with an update");
  const auto* dora = dynamic_cast<const DoraAdaptation*>(&adaptation);
  std::vector<ModuleToWrite> modules;
  std::vector<TensorToWrite> exact;
  std::vector<std::vector<float>> exact_values;
  for (const Members& members : members_of_modules(model.shape(), adaptation)) {
    ModuleToWrite& module = modules.emplace_back(stacked(members, model.shape(), model.backend()));
    if (dora) fill_magnitude(module, model, *dora);
    for (const auto& [spec, factors] : members.sites) {
      const bool beside = factors->scale != module.scale;
      record.sites.push_back(
          {spec->site, factors->a.value.rows(), factors->scale, factors->dropout, beside});
      if (!beside) continue;
      const Tensor& b = factors->b.value;
      exact.push_back({factors->b.name,
                       DType::kF32,
                       {b.rows(), b.cols()},
                       model.backend().host_values(b, exact_values)});
    }
  }
  const auto setting = record.settings.find("rslora");
  AdapterToWrite about;
  about.base = model.folder().string();
  about.dropout = adaptation.factors().begin()->second->dropout;
  about.rslora = setting != record.settings.end() && setting->second == "true";
  about.dora = dora != nullptr;
  about.fan_in_fan_out = !model.shape().sites.front().stored_transposed;
  about.layers = model.config().layers;
  about.layer_prefix = model.shape().layer_prefix;
  write_peft_files(folder, modules, about);
  if (!exact.empty()) write_safetensors(folder / kExactFile, std::move(exact));
  record.weights_file = kPeftWeightsFile;
}

}  // namespace rankscope
