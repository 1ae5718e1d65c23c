#include "results/findings.h"

#include <filesystem>

namespace rankscope {

std::string shown_base(const std::string& path) {
  std::filesystem::path base = std::filesystem::path(path).lexically_normal();
  if (base.filename().empty()) base = base.parent_path();
  const std::string above = base.parent_path().filename().string();
  return above.empty() ? base.filename().string() : above + "/" + base.filename().string();
}

}  // namespace rankscope
