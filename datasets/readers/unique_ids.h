// Refuses an id that was met before.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/error.h"
#include "common/text.h"

namespace rankscope {

class UniqueIds {
 public:
  // `where` is FILE:LINE, `key` what the file calls the id.
  void add(const std::string& id, std::uint64_t line, const std::string& where,
           std::string_view key) {
    const auto [place, inserted] = lines_.emplace(id, line);
    if (inserted) return;
    throw InputError(where + ": field '" + std::string(key) + "': '" + printable(id) +
                     "' is also the id of line " + std::to_string(place->second) +
                     "; ids must differ, or be left out");
  }

 private:
  std::unordered_map<std::string, std::uint64_t> lines_;
};

}  // namespace rankscope
