#include "experiments/sweep/environment.h"

#include "common/files.h"
#include "common/json.h"
#include "engine/backend/cpu/reference_rate.h"
#include "engine/training/numeric_version.h"
#include "experiments/machine.h"
#include "experiments/program_version.h"

namespace rankscope {

void write_environment(const std::filesystem::path& folder, const Backend& backend) {
  OrderedJson json;
  json["program"] = program_version();
  json["numeric_version"] = std::to_string(kNumericVersion);
  json["backend"] = backend.name();
  json["instruction_set"] = backend.instruction_set();
  json["threads"] = std::to_string(backend.threads());
  json["processor"] = processor_name();
  json["memory_mib"] = std::to_string(total_memory_mib());
  json["compiler"] = __VERSION__;
  json["onednn"] = reference_library_version();
  write_file_atomically(folder / "environment.json", json.dump(1) + "\n");
}

}  // namespace rankscope
