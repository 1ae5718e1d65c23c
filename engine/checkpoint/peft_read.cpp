#include "common/error.h"
#include "common/safetensors.h"
#include "common/text.h"
#include "engine/checkpoint/peft_adapter.h"
#include "engine/checkpoint/peft_config.h"
#include "engine/checkpoint/peft_modules.h"

namespace rankscope {
namespace {

// An adaptation that takes its values from a file, site by site.
class Reader {
 public:
  Reader(const PeftModules& modules, PeftKind kind, Model& model)
      : modules_(modules), model_(model) {
    if (kind != PeftKind::kDora) {
      adaptation_ = std::make_unique<LowRankAdaptation>(model);
      return;
    }
    auto dora = std::make_unique<DoraAdaptation>(model);
    dora_ = dora.get();
    adaptation_ = std::move(dora);
  }
  // Ranks [first, first + rank) of the site's module.
  LowRankAdaptation::Factors& read(const SiteSpec& spec, int64_t first, int64_t rank, double scale,
                                   double dropout) {
    LowRankAdaptation::Factors& factors =
        dora_ ? dora_->add_with_magnitude(spec, rank, scale, dropout)
              : adaptation_->add(spec, rank, scale, dropout);
    modules_.read_factors(spec, first, model_.backend(), factors);
    if (dora_) modules_.read_magnitude(spec, model_.backend(), dora_->magnitude(spec.site));
    return factors;
  }
  std::unique_ptr<LowRankAdaptation> finish() {
    adaptation_->refresh(model_);
    return std::move(adaptation_);
  }

 private:
  const PeftModules& modules_;
  Model& model_;
  std::unique_ptr<LowRankAdaptation> adaptation_;
  DoraAdaptation* dora_ = nullptr;
};

// The modules of the file must be those that the config means: PEFT would leave the others at their
// start, or drop them.
void check_targets(const PeftConfig& config, const SafetensorsFile& file,
                   const PeftModules& modules, const std::string& where) {
  for (const auto& [name, sites] : modules.sites()) {
    const bool stored = modules.modules().contains(name);
    if (config.targets(modules.own_path(name)) == stored) continue;
    throw InputError(where + ": field 'target_modules' " + (stored ? "does not cover" : "covers") +
                     " module '" + printable(name) + "', which " + file.source_name() +
                     (stored ? " holds" : " does not hold") +
                     "; the two files do not belong together");
  }
}

std::unique_ptr<LowRankAdaptation> read_from_config(const std::filesystem::path& folder,
                                                    const SafetensorsFile& file, Model& model) {
  const std::string where = printable_path(folder / kPeftConfigFile);
  const PeftConfig config = PeftConfig::read(folder / kPeftConfigFile);
  const PeftModules modules(file, model.shape(), config.kind());
  check_targets(config, file, modules, where);
  Reader reader(modules, config.kind(), model);
  for (const auto& [name, module] : modules.modules()) {
    const std::string path = modules.own_path(name);
    if (config.rank(path) != module.rank) {
      throw InputError(where + ": module '" + printable(name) + "' has rank " +
                       std::to_string(config.rank(path)) + " by the ranks there, but rank " +
                       std::to_string(module.rank) + " in " + file.source_name() +
                       "; the two files do not belong together");
    }
    if (module.rank == 0) continue;
    for (const SiteSpec* spec : modules.sites().at(name))
      reader.read(*spec, 0, module.rank, config.scale(path), config.dropout());
  }
  return reader.finish();
}

std::unique_ptr<LowRankAdaptation> read_from_record(const std::filesystem::path& folder,
                                                    const SafetensorsFile& file, Model& model,
                                                    const AdapterRecord& record) {
  const PeftKind kind = record.method == "dora" ? PeftKind::kDora : PeftKind::kLora;
  const PeftModules modules(file, model.shape(), kind);
  Reader reader(modules, kind, model);
  std::map<std::string, int64_t> ranks;
  for (const auto& [name, module] : modules.modules()) ranks[name] = module.rank;
  const std::vector<int64_t> firsts =
      first_ranks(record, folder, ranks, [&](const Site& site) -> const std::string* {
        const SiteSpec* spec = model.shape().find(site);
        return spec != nullptr && ranks.contains(spec->module) ? &spec->module : nullptr;
      });
  for (size_t i = 0; i < firsts.size(); ++i) {
    const SiteShare& share = record.sites[i];
    LowRankAdaptation::Factors& factors = reader.read(*model.shape().find(share.site), firsts[i],
                                                      share.rank, share.scale, share.dropout);
    if (!share.exact_beside) continue;
    const Tensor& b = factors.b.value;
    model.backend().upload(read_exact(folder, factors.b.name, b.rows(), b.cols()).data(),
                           b.matrix());
  }
  return reader.finish();
}

}  // namespace

std::unique_ptr<LowRankAdaptation> read_peft_adapter(const std::filesystem::path& folder,
                                                     Model& model, const AdapterRecord* record) {
  const SafetensorsFile file(folder / kPeftWeightsFile);
  return record ? read_from_record(folder, file, model, *record)
                : read_from_config(folder, file, model);
}

}  // namespace rankscope
