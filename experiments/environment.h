// What a result was made with and on: recorded beside it, part of no name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "common/json.h"
#include "engine/backend/backend.h"

namespace rankscope {

// In the folder of a training, and in that of an evaluation.
inline constexpr const char* kEnvironmentFile = "environment.json";

// "rankscope COMMIT, numeric version N": what a report of a fault or a citation names.
std::string program_text();

// Texts by key: processor, instruction_set (of a GPU its name, the versions of CUDA and of the
// kernels' arithmetic, and the precision), libraries (where there are, as Backend's), threads,
// memory_mib, compiler, program (the repository's state when it was built), and the numeric
// version.
OrderedJson environment_json(const Backend& backend);

// The folder's environment.json, with a check of its content.
void put_environment(const std::filesystem::path& folder, const OrderedJson& environment);
// In place of one that was damaged beside a finished result: nothing can say again what made it.
// `environment` is `lost` in it.
void put_lost_environment(const std::filesystem::path& folder);
// What it holds. InputError where it is not what was written, or says of no device and not that it
// is lost.
Json read_environment(const std::filesystem::path& folder);

// What an evaluation's predictions are made with: another's are not its bits.
struct PredictionSource {
  std::string instruction_set;
  std::string libraries;  // Backend::libraries
  std::string adapter;    // weights_sha256 of rankscope.json; empty: the base alone
  bool operator==(const PredictionSource&) const = default;
};
// The same and base_parameters, how many the base has, and where there is an adapter its
// `weights_sha256` under `adapter`, in the folder's environment.json.
void write_environment(const std::filesystem::path& folder, const Backend& backend,
                       std::int64_t base_parameters, const std::string& adapter);
// By the folder's environment.json; empty where that is missing, damaged or lost.
PredictionSource recorded_source(const std::filesystem::path& folder);

}  // namespace rankscope
