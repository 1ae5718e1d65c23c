#include "experiments/sweep/environment.h"

#include "common/error.h"
#include "common/files.h"
#include "engine/backend/cpu/reference_rate.h"
#include "engine/training/numeric_version.h"
#include "experiments/machine.h"
#include "experiments/program_version.h"

namespace rankscope {

namespace {

constexpr const char* kFile = "environment.json";
constexpr const char* kInstructionSet = "instruction_set";

}  // namespace

OrderedJson environment_json(const Backend& backend) {
  OrderedJson json;
  json["program"] = program_version();
  json["numeric_version"] = std::to_string(kNumericVersion);
  json["backend"] = backend.name();
  json[kInstructionSet] = backend.instruction_set();
  json["threads"] = std::to_string(backend.threads());
  json["processor"] = processor_name();
  json["memory_mib"] = std::to_string(total_memory_mib());
  json["compiler"] = __VERSION__;
  json["onednn"] = reference_library_version();
  return json;
}

void write_environment(const std::filesystem::path& folder, const Backend& backend,
                       std::int64_t base_parameters) {
  OrderedJson json = environment_json(backend);
  json["base_parameters"] = std::to_string(base_parameters);
  write_file_atomically(folder / kFile, json.dump(1) + "\n");
}

std::string recorded_instruction_set(const std::filesystem::path& folder) {
  try {
    const Json json = read_json_file(folder / kFile);
    return JsonObject(json, kFile).get_string_or(kInstructionSet, "");
  } catch (const Error&) {
    return "";
  }
}

}  // namespace rankscope
