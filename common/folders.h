// Folders that a command makes for what it writes, and what it finds damaged there.
#pragma once

#include <filesystem>
#include <string>

namespace rankscope {

// Makes the folder and those above it; one that is there is left as it is. Where that fails:
// MachineError for a full or broken disk, else InputError, "cannot make the folder 'X': WHY;
// ADVICE".
void make_folder(const std::filesystem::path& path, const std::string& advice);

// Renames a file or folder to its name with ".damaged" behind it, in the place of what was put
// aside so before, and returns the new name without its folder. MachineError where that fails.
std::string put_aside(const std::filesystem::path& path);

}  // namespace rankscope
