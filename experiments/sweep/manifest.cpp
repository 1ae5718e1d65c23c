// sweep.json.
#include <fmt/format.h>
#include <simdjson.h>

#include <set>

#include "common/error.h"
#include "common/files.h"
#include "common/suggest.h"
#include "common/text.h"
#include "experiments/sweep/sweep_folder.h"

namespace rankscope {

namespace {

namespace fs = std::filesystem;

constexpr int kManifestVersion = 1;

// A sweep.json that was changed by hand may have a trial twice: the first counts.
void set_trials(Manifest& manifest, std::vector<Trial> trials) {
  manifest.trials = std::move(trials);
  for (std::size_t i = 0; i < manifest.trials.size(); ++i)
    manifest.places.emplace(manifest.trials[i].id(), i);
}

Manifest manifest_from(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  object.get_int("version", kManifestVersion, kManifestVersion);
  Manifest manifest;
  manifest.name = object.get_string("name");
  manifest.base = object.get_string("base");
  manifest.base_hash = object.get_string("base_hash");
  manifest.file_text = object.get_string("file");
  manifest.overrides = object.get_string_array("overrides");
  if (object.has("analysis")) {
    object.get_object("analysis");
    manifest.analysis = analysis_from_json(json.at("analysis"), object.where() + ": analysis");
  }
  if (object.has("latency")) {
    object.get_object("latency");
    manifest.latency = latency_from_json(json.at("latency"), object.where() + ": latency");
  }
  std::vector<Trial> trials;
  for (const Json& trial : object.get_array("trials"))
    trials.push_back(
        trial_from_json(trial, fmt::format("{}: trial {}", object.where(), trials.size())));
  set_trials(manifest, std::move(trials));
  object.finish();
  return manifest;
}

// The text of sweep.json without the trials that the one of that id does not need. Nothing where
// there is no such trial, or anything is irregular.
std::optional<std::string> text_of_one(const fs::path& file, const std::string& id) {
  const std::string bytes = read_regular_file(file);
  const simdjson::padded_string padded(bytes);
  simdjson::dom::parser parser;
  simdjson::dom::object root;
  simdjson::dom::array trials;
  if (parser.parse(padded).get(root) != simdjson::SUCCESS ||
      root["trials"].get(trials) != simdjson::SUCCESS)
    return {};
  std::set<std::string_view> wanted;
  for (const simdjson::dom::element trial : trials) {
    std::string_view name;
    simdjson::dom::array tuning;
    if (trial["id"].get(name) != simdjson::SUCCESS || !name.starts_with(id)) continue;
    wanted.insert(name);
    if (trial["tuning_trials"].get(tuning) != simdjson::SUCCESS) return {};
    for (const simdjson::dom::element run : tuning)
      if (std::string_view text; run.get(text) == simdjson::SUCCESS) wanted.insert(text);
  }
  if (wanted.empty()) return {};
  std::string text = "{";
  for (const auto& [key, value] : root)
    if (key != "trials") text += "\"" + std::string(key) + "\":" + simdjson::minify(value) + ",";
  text += "\"trials\":[";
  bool first = true;
  for (const simdjson::dom::element trial : trials) {
    std::string_view name;
    if (trial["id"].get(name) != simdjson::SUCCESS || !wanted.contains(name)) continue;
    text += (first ? "" : ",") + simdjson::minify(trial);
    first = false;
  }
  return text + "]}";
}

}  // namespace

Manifest manifest_of(const Sweep& sweep, std::vector<Trial> trials) {
  Manifest manifest;
  manifest.name = sweep.name;
  manifest.file_text = sweep.text;
  manifest.overrides = sweep.overrides;
  manifest.analysis = sweep.analysis;
  manifest.latency = sweep.latency;
  manifest.base = sweep.base;
  if (!trials.empty()) manifest.base_hash = trials.front().train.at("model");
  set_trials(manifest, std::move(trials));
  return manifest;
}

void write_manifest(const SweepFolder& folder, const Manifest& manifest) {
  OrderedJson json;
  json["version"] = kManifestVersion;
  json["name"] = manifest.name;
  json["base"] = manifest.base.string();
  json["base_hash"] = manifest.base_hash;
  json["file"] = manifest.file_text;
  json["overrides"] = manifest.overrides;
  if (manifest.analysis) json["analysis"] = analysis_json(*manifest.analysis);
  if (manifest.latency) json["latency"] = latency_json(*manifest.latency);
  json["trials"] = OrderedJson::array();
  for (const Trial& trial : manifest.trials) json["trials"].push_back(trial_json(trial));
  write_file_atomically(folder.manifest(), json_text(json, 1) + "\n");
}

Manifest read_manifest(const SweepFolder& folder) {
  const fs::path file = folder.manifest();
  if (!is_there(file))
    throw InputError("'" + printable_path(folder.path()) +
                     "' holds no sweep: there is no sweep.json; give the folder that `run --dir` "
                     "made");
  return manifest_from(read_json_file(file), printable_path(file));
}

void refuse_other_sweep(const SweepFolder& folder, const Manifest& manifest) {
  if (!is_there(folder.manifest())) return;
  Manifest former;
  try {
    former = read_manifest(folder);
  } catch (const Error&) {  // damaged: it is made anew
    return;
  }
  const bool renamed = former.name != manifest.name;
  // A base that was moved is the same one, and one that was changed where it lies is meant.
  const bool rebased = former.base != manifest.base && former.base_hash != manifest.base_hash;
  if (!renamed && !rebased) return;
  std::set<std::string> asked;
  for (const Trial& trial : manifest.trials) asked.insert(trial.train_hash);
  bool has_results = former.latency && is_there(folder.latencies());
  bool kept = former.latency && manifest.latency && !rebased;
  for (const Trial& trial : former.trials) {
    if (!trial.trains()) continue;
    has_results |= folder.is_trained(trial);
    kept |= asked.contains(trial.train_hash);
  }
  if (!has_results || kept) return;
  if (rebased) {
    throw InputError(fmt::format(
        "--dir: '{}' holds results of sweep '{}' on the base {}, and with {} it would keep none of "
        "them; give another --dir",
        printable_path(folder.path()), printable(former.name), printable_path(former.base),
        printable_path(manifest.base)));
  }
  throw InputError(fmt::format(
      "--dir: '{}' is the folder of sweep '{}', and sweep '{}' would keep nothing of it; give "
      "another --dir, or name={} if this is that sweep, changed",
      printable_path(folder.path()), printable(former.name), printable(manifest.name),
      printable(former.name)));
}

Manifest read_manifest_for(const SweepFolder& folder, const std::string& id) {
  const fs::path file = folder.manifest();
  if (is_there(file) && !id.empty()) {
    try {
      if (const std::optional<std::string> text = text_of_one(file, id))
        return manifest_from(parse_json(*text, ""), "");
    } catch (const InputError&) {  // the reader of the whole says where
    }
  }
  return read_manifest(folder);
}

const Trial& find_trial(const Manifest& manifest, const std::string& id) {
  const auto begins = [&](auto place) {
    return place != manifest.places.end() && place->first.starts_with(id);
  };
  const auto found = manifest.places.lower_bound(id);
  if (!id.empty() && begins(found)) {
    const auto next = std::next(found);
    if (found->first != id && begins(next))
      throw InputError("several trials begin with '" + printable(id) + "': " + found->first + ", " +
                       next->first + "; give more of the id");
    return manifest.trials[found->second];
  }
  std::vector<std::string> ids;
  for (const auto& [known, place] : manifest.places) ids.push_back(known);
  throw InputError("the sweep has no trial '" + printable(id) + "'" + did_you_mean(id, ids) +
                   "; `rankscope status DIR` lists them");
}

}  // namespace rankscope
