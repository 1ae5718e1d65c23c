#include "engine/checkpoint/combine_adapters.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "common/error.h"
#include "common/files.h"
#include "common/interrupt.h"
#include "common/json.h"
#include "common/log.h"
#include "common/text.h"
#include "engine/checkpoint/adapter_base.h"
#include "engine/checkpoint/adapter_record.h"
#include "engine/checkpoint/combine_factors.h"
#include "engine/checkpoint/module_sites.h"
#include "engine/checkpoint/peft_adapter.h"
#include "engine/checkpoint/peft_files.h"

namespace rankscope {
namespace {

std::string shown(const std::filesystem::path& folder) { return printable_path(folder); }

// A module, or one site of it: by the module's path and the first output.
using Place = std::pair<std::string, std::int64_t>;
// The factors at one place, and whose they are.
struct Source {
  WeightedFactors weighted;
  const AdapterPart* part = nullptr;
};
using Sources = std::map<Place, std::vector<Source>>;

// A disagreement is no error: a copy of a base rounded to another type is as good.
void warn_of_other_bases(const std::vector<AdapterPart>& parts,
                         const std::vector<StatedBase>& bases) {
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const auto before = bases.begin() + static_cast<std::ptrdiff_t>(i);
    const auto other = std::find_if(bases.begin(), before, [&](const StatedBase& base) {
      return of_other_base(base, bases[i]);
    });
    if (other == before) continue;
    const std::string one = shown(parts[static_cast<std::size_t>(other - bases.begin())].folder);
    if (!other->sample.empty() && !bases[i].sample.empty()) {
      log::warning(
          "{} and {} were trained on bases of different weights: their sum means something only "
          "where one base is a copy of the other",
          one, shown(parts[i].folder));
    } else {
      log::warning(
          "{} is of the base '{}', {} of '{}': their sum means something only where these "
          "are one",
          one, printable(other->name, 300), shown(parts[i].folder), printable(bases[i].name, 300));
    }
  }
}

AdapterToWrite about_result(const std::vector<AdapterPart>& parts,
                            const std::vector<StatedBase>& bases) {
  AdapterToWrite about;
  about.base = bases.front().name;
  std::set<std::string> task_types;
  for (const AdapterPart& part : parts) {
    const std::filesystem::path path = part.folder / kPeftConfigFile;
    const Json parsed = read_json_file(path);
    JsonObject config(parsed, shown(path), JsonObject::Nulls::kAbsent);
    task_types.insert(config.get_string_or("task_type", ""));
    if (&part == &parts.front()) about.fan_in_fan_out = config.get_bool_or("fan_in_fan_out", false);
  }
  about.task_type.reset();
  if (task_types.size() == 1 && !task_types.contains("")) about.task_type = *task_types.begin();
  return about;
}

void check_same_shape(const Source& first, const Source& other) {
  const SiteFactors &a = *first.weighted.factors, &b = *other.weighted.factors;
  if (a.in == b.in && a.out == b.out && a.module_out == b.module_out) return;
  throw InputError(
      fmt::format("'{}' and '{}' adapt '{}' with updates of [{}, {}] and [{}, {}]; combine "
                  "adapters of one base",
                  shown(first.part->folder), shown(other.part->folder), printable(a.module), a.out,
                  a.in, b.out, b.in));
}

// A site under two names ("model.layers.0..." and, of a model without its head, "layers.0...";
// "attn.c_attn", which holds three, and another family's "self_attn.q_proj") would be two updates
// where the base has room for one. Where one folder has both they are two matrices of its base, as
// an encoder's and a decoder's.
void check_names(const Sources& sources) {
  std::map<std::string, std::set<const AdapterPart*>> owners;
  for (const auto& [place, some] : sources)
    for (const Source& source : some) owners[place.first].insert(source.part);
  const auto in_one_folder = [&](const std::string& one, const std::string& other) {
    return std::ranges::any_of(
        owners.at(one), [&](const AdapterPart* part) { return owners.at(other).contains(part); });
  };
  std::map<std::pair<int, std::string>, std::vector<std::string>> modules;
  for (const auto& [module, parts] : owners) {
    const std::optional<ModuleSites> held = sites_of_module(module);
    if (!held) continue;
    for (const std::string& site : held->sites) {
      std::vector<std::string>& names = modules[{held->layer, site}];
      for (const std::string& name : names) {
        if (in_one_folder(name, module)) continue;
        throw InputError(fmt::format(
            "the adapters have {} of layer {} in '{}' and in '{}'; combine adapters of one base, "
            "saved from one class of model",
            printable(site), held->layer, printable(name), printable(module)));
      }
      names.push_back(module);
    }
  }
}

SiteFactors combined(const std::vector<Source>& sources, CombineType type,
                     std::optional<std::int64_t> rank, KeptSquares& squares) {
  std::vector<WeightedFactors> weighted;
  std::int64_t largest = 0;
  for (const Source& source : sources) {
    check_same_shape(sources.front(), source);
    weighted.push_back(source.weighted);
    const std::int64_t r = source.weighted.factors->rank;
    largest = std::max(largest, r);
    const std::int64_t first = sources.front().weighted.factors->rank;
    if (type == CombineType::kLinear && r != first) {
      throw InputError(fmt::format(
          "'{}' and '{}' have ranks {} and {} at '{}': linear needs equal ranks; use cat or svd",
          shown(sources.front().part->folder), shown(source.part->folder), first, r,
          printable(weighted.front().factors->module)));
    }
  }
  if (type == CombineType::kCat) return concatenated(weighted);
  if (type == CombineType::kLinear) return linear_sum(weighted);
  return truncated_sum(weighted, rank.value_or(largest), squares);
}

// Modules with their shares stacked, as the folder holds them; each share goes into the record.
std::vector<ModuleToWrite> stacked(const std::vector<SiteFactors>& all, AdapterRecord& record) {
  std::vector<ModuleToWrite> modules;
  for (auto first = all.begin(); first != all.end();) {
    ModuleToWrite& module = modules.emplace_back();
    module.path = module.short_name = first->module;
    module.layer = first->layer;
    module.in = first->in;
    module.out = first->module_out;
    module.scale = 1;
    std::vector<OutputShare> shares;
    for (; first != all.end() && first->module == module.path; ++first) {
      shares.push_back({first->begin, first->out, first->rank, first->a, first->b, 1.0f});
      const auto kind = site_kind(first->site);
      if (kind) record.sites.push_back({{first->layer, *kind}, first->rank, 1.0, 0.0, false});
    }
    stack_shares(module, shares);
  }
  return modules;
}

}  // namespace

CombinedAdapter combine_adapters(const std::filesystem::path& out,
                                 const std::vector<AdapterPart>& parts, CombineType type,
                                 std::optional<std::int64_t> rank) {
  FolderTransaction transaction(out, FolderTransaction::Existing::kRefuse);
  const bool recorded = std::ranges::all_of(
      parts, [](const AdapterPart& part) { return is_there(part.folder / kRecordFile); });
  std::vector<std::vector<SiteFactors>> read;
  for (const AdapterPart& part : parts) {
    throw_if_stop_requested(kNothingWritten);
    read.push_back(
        read_factors_of(part.folder, recorded ? FactorUnit::kSites : FactorUnit::kModules));
  }
  std::vector<StatedBase> bases;
  for (const AdapterPart& part : parts) bases.push_back(stated_base(part.folder));
  warn_of_other_bases(parts, bases);
  const AdapterToWrite about = about_result(parts, bases);
  Sources sources;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    for (const SiteFactors& factors : read[i]) {
      require_finite(factors, "'" + shown(parts[i].folder) + "'");
      sources[{factors.module, factors.begin}].push_back({{&factors, parts[i].weight}, &parts[i]});
    }
  }
  check_names(sources);

  std::vector<SiteFactors> all;
  KeptSquares squares;
  for (const auto& [place, some] : sources) {
    throw_if_stop_requested(kNothingWritten);
    all.push_back(combined(some, type, rank, squares));
    require_finite(all.back(), "the combined adapter");
  }
  AdapterRecord record;
  record.method = "lora";
  record.weights_file = kPeftWeightsFile;
  const std::vector<ModuleToWrite> modules = stacked(all, record);
  write_peft_files(transaction.path(), modules, about);
  if (recorded) {
    const bool one = std::ranges::all_of(
        bases, [&](const StatedBase& base) { return base.sample == bases.front().sample; });
    if (one) record.base_sample = bases.front().sample;
    write_record(transaction.path(), record);
  }
  transaction.commit();

  CombinedAdapter made;
  made.modules = std::ssize(modules);
  const auto [low, high] = std::ranges::minmax(modules, {}, &ModuleToWrite::rank);
  made.smallest_rank = low.rank;
  made.largest_rank = high.rank;
  if (squares.all > 0)
    made.lost = std::sqrt(std::max(squares.all - squares.kept, 0.0) / squares.all);
  return made;
}

}  // namespace rankscope
