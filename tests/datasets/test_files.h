// The committed files of the readers' tests, and files made on the spot.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace rankscope::tests {

inline std::filesystem::path data_file(const std::string& name) {
  return std::filesystem::path(RANKSCOPE_SOURCE_DIR) / "tests/datasets/files" / name;
}

inline std::filesystem::path put(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

}  // namespace rankscope::tests
