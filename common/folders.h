// Folders that a command makes for what it writes.
#pragma once

#include <filesystem>
#include <string>

namespace rankscope {

// Makes the folder and those above it; one that is there is left as it is. Where that fails:
// MachineError for a full or broken disk, else InputError, "cannot make the folder 'X': WHY;
// ADVICE".
void make_folder(const std::filesystem::path& path, const std::string& advice);

}  // namespace rankscope
