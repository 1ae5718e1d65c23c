// The models and data sets that tests read and the repository does not hold: the folder that the
// environment variable RANKSCOPE_SHARED names, by default ../shared beside the repository.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

namespace rankscope::tests {

// The path of a shared file or folder; none where it is not on this machine (then skip the test).
inline std::optional<std::filesystem::path> shared_file(const std::string& name) {
  const char* folder = std::getenv("RANKSCOPE_SHARED");
  const std::filesystem::path base =
      folder != nullptr ? folder : std::filesystem::path(RANKSCOPE_SOURCE_DIR) / ".." / "shared";
  const std::filesystem::path path = base / name;
  if (!std::filesystem::exists(path)) return std::nullopt;
  return path;
}

}  // namespace rankscope::tests
