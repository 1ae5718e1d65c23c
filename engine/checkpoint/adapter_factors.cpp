#include "engine/checkpoint/adapter_factors.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <tuple>

#include "common/error.h"
#include "common/files.h"
#include "common/safetensors.h"
#include "common/text.h"
#include "engine/checkpoint/adapter_record.h"
#include "engine/checkpoint/factor_modules.h"
#include "engine/checkpoint/module_sites.h"
#include "engine/checkpoint/peft_adapter.h"
#include "engine/checkpoint/peft_config.h"
#include "engine/checkpoint/peft_files.h"

namespace rankscope {

namespace {

// The folder's record, none where PEFT wrote it. InputError where it holds no low-rank update.
std::optional<AdapterRecord> record_of(const std::filesystem::path& folder) {
  if (!is_there(folder / kRecordFile)) {
    require_peft_folder(folder);
    return std::nullopt;
  }
  AdapterRecord record = read_record(folder);
  if (saved_form_of(record, folder) == SavedForm::kLowRank) return record;
  throw InputError(
      printable_path(folder) + ": holds what " + printable(record.method) +
      " trained, which is no low-rank update; `combine` takes LoRA adapters alone, and `analyze`, "
      "where `merge --dtype f32` can make a model of this and its base, that model, with the base "
      "as --model");
}

}  // namespace

class AdapterReader::Folder {
 public:
  Folder(const std::filesystem::path& folder, FactorUnit unit, PeftConfig::SavedModules saved)
      : folder_(folder),
        record_(record_of(folder)),
        file_(folder / kPeftWeightsFile),
        config_(PeftConfig::read(folder / kPeftConfigFile, saved)),
        modules_(factor_modules(file_, config_, saved)) {
    for (const auto& [name, module] : modules_) {
      const ModuleSites sites = held_sites(name, unit);
      const auto parts = static_cast<std::int64_t>(sites.sites.size());
      if (module.b->shape[0] % parts != 0) {
        throw InputError(file_.source_name() + ": module '" + printable(name) + "' holds " +
                         std::to_string(parts) + " sites, which its " +
                         std::to_string(module.b->shape[0]) + " outputs do not divide into");
      }
      for (std::int64_t part = 0; part < parts; ++part) {
        const std::string& site = sites.sites[static_cast<std::size_t>(part)];
        const auto [place, added] =
            places_.emplace(std::pair(sites.layer, site), Place{&name, part, parts});
        if (!added) {
          throw InputError(file_.source_name() + ": modules '" + printable(*place->second.module) +
                           "' and '" + printable(name) + "' are both " + site + " of layer " +
                           std::to_string(sites.layer));
        }
      }
    }
    shares_ = record_ && unit == FactorUnit::kSites ? by_record(*record_) : by_config();
    std::ranges::sort(shares_, {},
                      [](const Share& share) { return std::pair(share.layer, share.site); });
  }

  std::vector<SiteFactors> read(const SiteWanted& wanted) const {
    std::vector<SiteFactors> all;
    for (const Share& share : shares_)
      if (!wanted || wanted(share.layer, share.site)) all.push_back(values_of(share));
    return all;
  }

  std::vector<AdaptedSite> sites() const {
    std::vector<AdaptedSite> all;
    for (const Share& share : shares_) {
      const FactorModule& module = modules_.at(*share.place->module);
      all.push_back({share.layer, share.site, share.rank, module.a->shape[1],
                     module.b->shape[0] / share.place->parts});
    }
    return all;
  }

 private:
  // A whole module needs no place: combine knows it by its path.
  ModuleSites held_sites(const std::string& module, FactorUnit unit) const {
    const std::optional<ModuleSites> found = sites_of_module(module);
    if (unit == FactorUnit::kModules) return {found ? found->layer : 0, {module}};
    if (found) return *found;
    throw InputError(file_.source_name() + ": module '" + printable(module) +
                     "' has no layer in its name; it cannot be placed");
  }

  struct Place {
    const std::string* module;
    std::int64_t part, parts;
  };

  // One site's part of its module: `rank` rows of A and columns of B, from `first` on.
  struct Share {
    int layer = 0;
    std::string site;
    const Place* place = nullptr;
    std::int64_t first = 0, rank = 0;
    double scale = 0;
    std::string exact;  // the tensor of kExactFile that holds B; empty: B lies in the module
  };

  SiteFactors values_of(const Share& share) const {
    const FactorModule& module = modules_.at(*share.place->module);
    const std::int64_t out = module.b->shape[0] / share.place->parts;
    SiteFactors factors =
        cut_out(file_, module, share.place->part * out, out, share.first, share.rank);
    factors.layer = share.layer;
    factors.site = share.site;
    factors.module = *share.place->module;
    factors.scale = share.scale;
    if (!share.exact.empty())
      factors.b = read_exact(folder_, share.exact, factors.out, factors.rank);
    return factors;
  }

  std::vector<Share> by_config() const {
    std::vector<Share> all;
    for (const auto& [key, place] : places_) {
      if (!config_.targets(*place.module)) {
        throw InputError(printable_path(folder_ / kPeftConfigFile) +
                         ": field 'target_modules' does not cover module '" +
                         printable(*place.module) + "', which " + file_.source_name() +
                         " holds; the two files do not belong together");
      }
      const std::int64_t rank = modules_.at(*place.module).a->shape[0];
      if (config_.rank(*place.module) != rank) {
        throw InputError(printable_path(folder_ / kPeftConfigFile) + ": module '" +
                         printable(*place.module) + "' has rank " +
                         std::to_string(config_.rank(*place.module)) +
                         " by r and rank_pattern, but rank " + std::to_string(rank) + " in " +
                         file_.source_name() + "; the two files do not belong together");
      }
      all.push_back({key.first, key.second, &place, 0, rank, config_.scale(*place.module), {}});
    }
    return all;
  }

  std::vector<Share> by_record(const AdapterRecord& record) const {
    if (record.sites.empty()) {
      throw InputError(printable_path(folder_ / kRecordFile) + ": is of method '" +
                       printable(record.method) + "', which has no factors");
    }
    const auto place_of = [&](const Site& site) {
      return places_.find(std::pair(site.layer, std::string(site_name(site.kind))));
    };
    std::map<std::string, std::int64_t> ranks;
    for (const auto& [name, module] : modules_) ranks[name] = module.a->shape[0];
    const std::vector<std::int64_t> firsts =
        first_ranks(record, folder_, ranks, [&](const Site& site) {
          const auto place = place_of(site);
          return place == places_.end() ? nullptr : place->second.module;
        });
    std::vector<Share> all;
    for (std::size_t i = 0; i < firsts.size(); ++i) {
      const SiteShare& share = record.sites[i];
      const auto place = place_of(share.site);
      all.push_back({place->first.first, place->first.second, &place->second, firsts[i], share.rank,
                     share.scale, share.exact_beside ? share.site.name() + ".lora_B" : ""});
    }
    return all;
  }

  std::filesystem::path folder_;
  // Of whole modules too: reading it holds the weights file against its hash.
  std::optional<AdapterRecord> record_;
  SafetensorsFile file_;
  PeftConfig config_;
  std::map<std::string, FactorModule> modules_;
  std::map<std::pair<int, std::string>, Place> places_;
  std::vector<Share> shares_;
};

AdapterReader::AdapterReader(const std::filesystem::path& folder)
    : folder_(std::make_unique<Folder>(folder, FactorUnit::kSites,
                                       PeftConfig::SavedModules::kPassOver)) {}
AdapterReader::~AdapterReader() = default;
AdapterReader::AdapterReader(AdapterReader&&) noexcept = default;
AdapterReader& AdapterReader::operator=(AdapterReader&&) noexcept = default;

std::vector<AdaptedSite> AdapterReader::sites() const { return folder_->sites(); }

std::vector<SiteFactors> AdapterReader::read(const SiteWanted& wanted) const {
  return folder_->read(wanted);
}

std::vector<SiteFactors> read_factors_of(const std::filesystem::path& folder, FactorUnit unit) {
  return AdapterReader::Folder(folder, unit, PeftConfig::SavedModules::kRefuse).read({});
}

void require_finite(const SiteFactors& factors, const std::string& whose) {
  const auto finite = [](float x) { return std::isfinite(x); };
  if (std::isfinite(factors.scale) && std::ranges::all_of(factors.a, finite) &&
      std::ranges::all_of(factors.b, finite))
    return;
  throw InputError(whose + " has values at '" +
                   printable(factors.module.empty() ? factors.site : factors.module) +
                   "' that are infinite or not a number; check the training, and the weights");
}

}  // namespace rankscope
