#include "experiments/environment.h"

#include "common/error.h"
#include "common/files.h"
#include "common/text.h"
#include "engine/backend/cpu/reference_rate.h"
#include "engine/training/numeric_version.h"
#include "experiments/content_check.h"
#include "experiments/machine.h"
#include "experiments/program_version.h"

namespace rankscope {

namespace {

constexpr const char* kInstructionSet = "instruction_set";
constexpr const char* kLibraries = "libraries";
constexpr const char* kAdapter = "adapter";
constexpr const char* kWeightsHash = "weights_sha256";
constexpr const char* kEnvironment = "environment";
constexpr const char* kLost = "lost";

}  // namespace

std::string program_text() {
  return "rankscope " + program_version() + ", numeric version " + std::to_string(kNumericVersion);
}

OrderedJson environment_json(const Backend& backend) {
  OrderedJson json;
  json["program"] = program_version();
  json["numeric_version"] = std::to_string(kNumericVersion);
  json["backend"] = backend.name();
  json[kInstructionSet] = backend.instruction_set();
  if (const std::string libraries = backend.libraries(); !libraries.empty())
    json[kLibraries] = libraries;
  json["threads"] = std::to_string(backend.threads());
  json["processor"] = processor_name();
  json["memory_mib"] = std::to_string(total_memory_mib());
  json["compiler"] = __VERSION__;
  json["onednn"] = reference_library_version();
  return json;
}

void write_environment(const std::filesystem::path& folder, const Backend& backend,
                       std::int64_t base_parameters, const std::string& adapter) {
  OrderedJson json = environment_json(backend);
  json["base_parameters"] = std::to_string(base_parameters);
  // An object, as it is no fact about the machine: the environments in results.db are texts by key.
  if (!adapter.empty()) json[kAdapter][kWeightsHash] = adapter;
  put_environment(folder, json);
}

void put_environment(const std::filesystem::path& folder, const OrderedJson& environment) {
  write_file_atomically(folder / kEnvironmentFile, checked_text(environment, 1));
}

void put_lost_environment(const std::filesystem::path& folder) {
  OrderedJson json;
  json[kEnvironment] = kLost;
  put_environment(folder, json);
}

Json read_environment(const std::filesystem::path& folder) {
  Json json = read_checked_file(folder / kEnvironmentFile);
  JsonObject object(json, printable_path(folder / kEnvironmentFile));
  if (object.get_string_or(kEnvironment, "") != kLost) object.get_string(kInstructionSet);
  return json;
}

PredictionSource recorded_source(const std::filesystem::path& folder) {
  try {
    const Json json = read_environment(folder);
    JsonObject object(json, kEnvironmentFile);
    PredictionSource source{object.get_string_or(kInstructionSet, ""),
                            object.get_string_or(kLibraries, ""), ""};
    if (object.has(kAdapter)) source.adapter = object.get_object(kAdapter).get_string(kWeightsHash);
    return source;
  } catch (const Error&) {
    return {};
  }
}

}  // namespace rankscope
