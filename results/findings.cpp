#include "results/findings.h"

#include <filesystem>

namespace rankscope {

std::string shown_base(const std::string& path) {
  std::filesystem::path base = std::filesystem::path(path).lexically_normal();
  if (base.filename().empty()) base = base.parent_path();
  const std::string above = base.parent_path().filename().string();
  return above.empty() ? base.filename().string() : above + "/" + base.filename().string();
}

std::string shown_size(const std::map<std::string, std::string>& values) {
  std::string size;
  for (const std::string_view key : kSizeKeys) {
    const auto value = values.find(std::string(key));
    if (value != values.end() && !value->second.empty())
      size += (size.empty() ? "" : ", ") + std::string(key) + " " + value->second;
  }
  return size;
}

}  // namespace rankscope
