#include "results/findings.h"

#include <algorithm>
#include <filesystem>
#include <iterator>

#include "results/cells.h"

namespace rankscope {

namespace {

namespace fs = std::filesystem;

// The last `count` names of a path, or all.
std::string last_names(const fs::path& path, std::ptrdiff_t count) {
  const fs::path names = path.relative_path();
  const std::ptrdiff_t all = std::distance(names.begin(), names.end());
  fs::path last;
  for (auto at = std::next(names.begin(), std::max<std::ptrdiff_t>(0, all - count));
       at != names.end(); ++at)
    last /= *at;
  return last.string();
}

std::string name_among(const std::map<std::string, fs::path>& bases, const std::string& base) {
  const fs::path& path = bases.at(base);
  for (std::ptrdiff_t count = 2;; ++count) {
    const std::string name = last_names(path, count);
    if (std::ranges::all_of(bases, [&](const auto& other) {
          return other.first == base || last_names(other.second, count) != name;
        }))
      return name;
    constexpr std::size_t kOfHash = 8;
    if (name == path.relative_path()) return name + " (" + base.substr(0, kOfHash) + ")";
  }
}

}  // namespace

std::map<std::string, std::string> shown_bases(ResultsReader& results) {
  std::map<std::string, fs::path> bases;  // by hash, where there is none by path
  std::map<std::string, std::string> names;
  for (const Row& row : results.rows("SELECT sweep, base, base_hash FROM sweeps ORDER BY base")) {
    fs::path path = fs::path(text_in(row[1])).lexically_normal();
    if (path.filename().empty()) path = path.parent_path();
    std::string base = text_in(row[2]).empty() ? text_in(row[1]) : text_in(row[2]);
    bases.try_emplace(base, std::move(path));
    names[text_in(row[0])] = std::move(base);
  }
  for (auto& [sweep, name] : names) name = name_among(bases, name);
  return names;
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
