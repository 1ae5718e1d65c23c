// What a result was made with and on: recorded beside it, part of no name.
#pragma once

#include <filesystem>

#include "engine/backend/backend.h"

namespace rankscope {

// environment.json: processor, instruction_set, threads, memory_mib, compiler, program (the
// repository's state when it was built), and the numeric version.
void write_environment(const std::filesystem::path& folder, const Backend& backend);

}  // namespace rankscope
