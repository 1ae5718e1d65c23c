#include <cmath>
#include <cstring>
#include <set>

#include "common/error.h"
#include "common/files.h"
#include "common/json.h"
#include "common/safetensors.h"
#include "engine/checkpoint/peft_adapter.h"
#include "engine/methods/dora.h"

namespace rankscope {
namespace {

using Factors = LowRankAdaptation::Factors;

struct Member {
  const SiteSpec* spec = nullptr;
  const Factors* factors = nullptr;
  int64_t rank() const { return factors->a.value.rows(); }
};

// One PEFT module and the adapted sites in it, in the order in which they are stacked.
struct Module {
  std::string path;
  std::string short_name;  // SiteSpec::peft_module
  int layer = 0;
  int64_t out = 0;  // of the whole module
  int64_t rank = 0;
  double scale = 0;
  std::vector<Member> members;
  std::vector<float> a;  // [rank, in]
  std::vector<float> b;  // [out, rank]
  std::vector<float> magnitude;  // [out], DoRA
};

std::vector<Module> gather_modules(const ModelShape& shape, const LowRankAdaptation& adaptation) {
  std::vector<Module> modules;
  std::map<std::string, size_t> index;
  for (const SiteSpec& spec : shape.sites) {
    const auto found = adaptation.factors().find(spec.site);
    if (found == adaptation.factors().end()) continue;
    const auto [at, first] = index.emplace(spec.module, modules.size());
    if (first) {
      const TensorSpec& weight = *shape.find_tensor(spec.weight);
      const int64_t out = weight.shape[spec.stored_transposed ? 0 : 1];
      modules.push_back({spec.module,
                         spec.peft_module,
                         spec.site.layer,
                         out,
                         0,
                         found->second->scale,
                         {},
                         {},
                         {},
                         {}});
    }
    Module& module = modules[at->second];
    module.members.push_back({&spec, found->second.get()});
    module.rank += module.members.back().rank();
  }
  return modules;
}

// Fills a and b. Where a site's scale is not the module's, its B carries the quotient.
void stack(Module& module, Backend& backend) {
  const int64_t in = module.members.front().spec->in;
  module.a.assign(static_cast<size_t>(module.rank * in), 0.0f);
  module.b.assign(static_cast<size_t>(module.out * module.rank), 0.0f);
  int64_t first = 0;
  for (const Member& member : module.members) {
    const Tensor& b = member.factors->b.value;
    const std::vector<float> a = backend.to_host(member.factors->a.value.view());
    const std::vector<float> b_values = backend.to_host(b.view());
    std::copy(a.begin(), a.end(), module.a.begin() + first * in);
    const bool rescaled = member.factors->scale != module.scale;
    const auto quotient = static_cast<float>(member.factors->scale / module.scale);
    for (int64_t row = 0; row < b.rows(); ++row) {
      float* to = module.b.data() + (member.spec->begin + row) * module.rank + first;
      for (int64_t j = 0; j < b.cols(); ++j) {
        const float value = b_values[static_cast<size_t>(row * b.cols() + j)];
        to[j] = rescaled ? value * quotient : value;
      }
    }
    first += member.rank();
  }
}

// The magnitudes of all outputs of the module: at a site that is not adapted the norms that the base
// has, with which DoRA changes nothing.
void fill_magnitude(Module& module, const Model& model, const DoraAdaptation& dora) {
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

// alpha = scale * r (or sqrt r), a whole number where it is one but for rounding.
Json alpha_of(const Module& module, bool rslora) {
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
Json pattern_of(const std::vector<Module>& modules, const std::vector<Json>& values) {
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
void describe_targets(const std::vector<Module>& modules, const ModelShape& shape, Json& config) {
  std::set<std::string> names, paths;
  std::set<int> layers;
  for (const Module& module : modules) {
    names.insert(module.short_name);
    paths.insert(module.path);
    layers.insert(module.layer);
  }
  const bool same_in_each_layer = modules.size() == names.size() * layers.size();
  config["target_modules"] = same_in_each_layer ? names : paths;
  config["layers_to_transform"] = nullptr;
  config["layers_pattern"] = nullptr;
  if (same_in_each_layer && static_cast<int64_t>(layers.size()) < shape.config.layers) {
    config["layers_to_transform"] = layers;
    // "transformer.h." -> "h"
    const std::string path = shape.layer_prefix.substr(0, shape.layer_prefix.size() - 1);
    config["layers_pattern"] = path.substr(path.rfind('.') + 1);
  }
}

Json peft_config(const std::vector<Module>& modules, const Model& model, bool rslora, bool dora) {
  std::vector<Json> ranks, alphas;
  for (const Module& module : modules) {
    ranks.push_back(module.rank);
    alphas.push_back(alpha_of(module, rslora));
  }
  Json config;
  config["peft_type"] = "LORA";
  config["task_type"] = "CAUSAL_LM";
  config["base_model_name_or_path"] = model.folder().string();
  config["inference_mode"] = true;
  config["bias"] = "none";
  config["r"] = ranks.front();
  config["lora_alpha"] = alphas.front();
  config["rank_pattern"] = pattern_of(modules, ranks);
  config["alpha_pattern"] = pattern_of(modules, alphas);
  config["lora_dropout"] = modules.front().members.front().factors->dropout;
  config["use_rslora"] = rslora;
  config["use_dora"] = dora;
  config["fan_in_fan_out"] = !modules.front().members.front().spec->stored_transposed;
  config["init_lora_weights"] = true;
  config["modules_to_save"] = nullptr;
  describe_targets(modules, model.shape(), config);
  return config;
}

}  // namespace

void write_peft_adapter(const std::filesystem::path& folder, const Model& model,
                        const LowRankAdaptation& adaptation, AdapterRecord& record) {
  const auto* dora = dynamic_cast<const DoraAdaptation*>(&adaptation);
  std::vector<Module> modules = gather_modules(model.shape(), adaptation);
  if (modules.empty()) {
    throw InputError("method " + record.method + ": no site has an update left, which PEFT has no "
                     "folder for; train with a learning rate above 0");
  }
  std::vector<TensorToWrite> tensors, exact;
  std::vector<std::vector<float>> exact_values;
  for (Module& module : modules) {
    stack(module, model.backend());
    const std::string name = "base_model.model." + module.path;
    const int64_t in = module.members.front().spec->in;
    tensors.push_back({name + ".lora_A.weight", DType::kF32, {module.rank, in}, module.a.data()});
    tensors.push_back(
        {name + ".lora_B.weight", DType::kF32, {module.out, module.rank}, module.b.data()});
    if (dora) {
      fill_magnitude(module, model, *dora);
      tensors.push_back({name + ".lora_magnitude_vector", DType::kF32, {module.out},
                         module.magnitude.data()});
    }
    for (const Member& member : module.members) {
      const Factors& factors = *member.factors;
      const bool beside = factors.scale != module.scale;
      record.sites.push_back(
          {member.spec->site, member.rank(), factors.scale, factors.dropout, beside});
      if (!beside) continue;
      const Tensor& b = factors.b.value;
      exact.push_back({factors.b.name, DType::kF32, {b.rows(), b.cols()},
                       model.backend().host_values(b, exact_values)});
    }
  }
  const auto setting = record.settings.find("rslora");
  const bool rslora = setting != record.settings.end() && setting->second == "true";
  write_safetensors(folder / kPeftWeightsFile, std::move(tensors), {{"format", "pt"}});
  if (!exact.empty()) write_safetensors(folder / kExactFile, std::move(exact));
  const Json config = peft_config(modules, model, rslora, dora != nullptr);
  write_file_atomically(folder / kPeftConfigFile, config.dump(2) + "\n");
  record.weights_file = kPeftWeightsFile;
}

}  // namespace rankscope
