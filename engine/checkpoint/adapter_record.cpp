#include "engine/checkpoint/adapter_record.h"

#include <algorithm>
#include <set>

#include "common/error.h"
#include "common/files.h"
#include "common/hash.h"
#include "common/json.h"
#include "common/safetensors.h"
#include "common/text.h"
#include "engine/checkpoint/peft_config.h"
#include "engine/checkpoint/stored_tensor.h"

namespace rankscope {
namespace {

constexpr const char* kExactHash = "exact_sha256";

void require_hash(const std::filesystem::path& file, const std::string& hash) {
  if (sha256_file(file) == hash) return;
  throw AlteredFile(printable_path(file) + ": is not the file that " + kRecordFile +
                    " describes (their SHA-256 differ); restore it, or remove " + kRecordFile +
                    " to read the folder as PEFT would");
}

SiteShare read_share(const Json& value, const std::string& where) {
  JsonObject json(value, where);
  SiteShare share;
  const std::string kind = json.get_string("site");
  const auto known = site_kind(kind);
  if (!known) json.fail("site", "is '" + printable(kind) + "', which is no site");
  share.site = {static_cast<int>(json.get_int("layer", 0, 1'000'000)), *known};
  share.rank = json.get_int("rank", 1, kMostReadRank);
  share.scale = json.get_double("scale", -1e30, 1e30);
  share.dropout = json.get_double("dropout", 0.0, 1.0);
  share.exact_beside = json.get_bool("exact_beside");
  json.finish();
  return share;
}

}  // namespace

void write_record(const std::filesystem::path& folder, const AdapterRecord& record) {
  OrderedJson json;
  json["method"] = record.method;
  json["settings"] = record.settings;
  if (!record.weights_file.empty()) {
    json["weights_file"] = record.weights_file;
    json["weights_sha256"] = sha256_file(folder / record.weights_file);
  }
  if (std::ranges::any_of(record.sites, &SiteShare::exact_beside))
    json[kExactHash] = sha256_file(folder / kExactFile);
  if (!record.base_sample.empty()) json["base_sample"] = record.base_sample;
  if (!record.sites.empty()) {
    json["sites"] = OrderedJson::array();
    for (const SiteShare& share : record.sites) {
      json["sites"].push_back({{"layer", share.site.layer},
                               {"site", site_name(share.site.kind)},
                               {"rank", share.rank},
                               {"scale", share.scale},
                               {"dropout", share.dropout},
                               {"exact_beside", share.exact_beside}});
    }
  }
  write_file_atomically(folder / kRecordFile, json.dump(2) + "\n");
}

AdapterRecord read_record(const std::filesystem::path& folder) {
  const std::string where = printable_path(folder / kRecordFile);
  const Json parsed = read_json_file(folder / kRecordFile);
  JsonObject json(parsed, where);
  AdapterRecord record;
  record.method = json.get_string("method");
  json.get_object("settings");
  for (const auto& [key, value] : parsed.at("settings").items()) {
    if (!value.is_string()) json.fail("settings", "'" + printable(key) + "' must be text");
    record.settings[key] = value.get<std::string>();
  }
  if (json.has("weights_file")) {
    record.weights_file = json.get_string("weights_file");
    if (record.weights_file.empty() || record.weights_file.find('/') != std::string::npos) {
      json.fail("weights_file", "must be the name of a file in this folder");
    }
    record.weights_sha256 = json.get_string("weights_sha256");
    require_hash(folder / record.weights_file, record.weights_sha256);
  }
  if (json.has(kExactHash)) require_hash(folder / kExactFile, json.get_string(kExactHash));
  record.base_sample = json.get_string_or("base_sample", "");
  if (const Json* sites = json.find_array("sites")) {
    for (const Json& site : *sites) record.sites.push_back(read_share(site, where));
  }
  json.finish();
  return record;
}

SavedForm saved_form_of(const AdapterRecord& record, const std::filesystem::path& folder) {
  try {
    return saved_form_of(record.method);
  } catch (const InputError& error) {
    throw InputError(printable_path(folder / kRecordFile) + ": field 'method': " + error.what());
  }
}

std::vector<float> read_exact(const std::filesystem::path& folder, const std::string& name,
                              int64_t rows, int64_t cols) {
  const SafetensorsFile file(folder / kExactFile);
  const TensorEntry& entry = file.at(name);
  check_stored_tensor(file, entry, {rows, cols});
  return stored_values(file, entry);
}

std::vector<int64_t> first_ranks(const AdapterRecord& record, const std::filesystem::path& folder,
                                 const std::map<std::string, int64_t>& ranks,
                                 const std::function<const std::string*(const Site&)>& module_of) {
  const auto refuse = [&](const std::string& fault) {
    throw InputError(printable_path(folder / kRecordFile) + ": field 'sites' " + fault +
                     "; restore the file, or remove it to read the folder as PEFT would");
  };
  std::vector<int64_t> firsts;
  std::map<std::string, int64_t> taken;  // ranks of a module that sites have taken so far
  std::set<Site> seen;
  for (const SiteShare& share : record.sites) {
    const std::string* module = module_of(share.site);
    if (module == nullptr)
      refuse("names " + share.site.name() + ", which the adapter or the model lacks");
    if (!seen.insert(share.site).second) refuse("names " + share.site.name() + " twice");
    int64_t& first = taken[*module];
    if (share.rank > ranks.at(*module) - first)
      refuse("gives " + share.site.name() + " more rank than " + printable(*module) + " has");
    firsts.push_back(first);
    first += share.rank;
  }
  for (const auto& [module, rank] : ranks)
    if (taken[module] != rank)
      refuse("does not account for the whole rank of " + printable(module));
  return firsts;
}

}  // namespace rankscope
