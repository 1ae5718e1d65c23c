// By which a collector knows a file again without reading it.
#pragma once

#include <filesystem>
#include <string>

namespace rankscope {

// Size and time of its last change; "-" where it is not there.
std::string file_stamp(const std::filesystem::path& file);

}  // namespace rankscope
