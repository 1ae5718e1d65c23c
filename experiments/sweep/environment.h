// What a result was made with and on: recorded beside it, part of no name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "common/json.h"
#include "engine/backend/backend.h"

namespace rankscope {

// Texts by key: processor, instruction_set (of a GPU its name, the versions of CUDA and of the
// kernels' arithmetic, and the precision), threads, memory_mib, compiler, program (the repository's
// state when it was built), and the numeric version.
OrderedJson environment_json(const Backend& backend);
// The same and base_parameters, how many the base has, in the folder's environment.json.
void write_environment(const std::filesystem::path& folder, const Backend& backend,
                       std::int64_t base_parameters);
// The instruction set in the folder's environment.json; empty where that is missing or damaged.
std::string recorded_instruction_set(const std::filesystem::path& folder);

}  // namespace rankscope
