#include "engine/checkpoint/module_pattern.h"

#include "common/error.h"
#include "common/text.h"

namespace rankscope {
namespace {

constexpr size_t kMaxPatternLength = 256;

// A backslash, itself not escaped, before a digit.
bool has_back_reference(const std::string& pattern) {
  for (size_t i = 0; i + 1 < pattern.size(); ++i) {
    if (pattern[i] != '\\') continue;
    ++i;
    if (pattern[i] >= '0' && pattern[i] <= '9') return true;
  }
  return false;
}

}  // namespace

ModulePattern::ModulePattern(const std::string& pattern, const std::string& where) {
  // libstdc++ overflows on the long numbers that a repetition or a back reference may have.
  if (pattern.size() > kMaxPatternLength || pattern.find('{') != std::string::npos ||
      has_back_reference(pattern)) {
    throw InputError(where + ": the pattern '" + printable(pattern) +
                     "' is too long or has a counted repetition or a back reference; list the "
                     "modules' names");
  }
  try {
    expression_ = std::regex(pattern, std::regex::ECMAScript | std::regex_constants::__polynomial);
  } catch (const std::regex_error&) {
    throw InputError(where + ": the pattern '" + printable(pattern) +
                     "' cannot be read as a regular expression; list the modules' names");
  }
}

ModulePattern ModulePattern::suffix(const std::string& key, const std::string& where) {
  return ModulePattern("(.*\\.)?(" + key + ")", where);
}

bool ModulePattern::matches(const std::string& module) const {
  return std::regex_match(module, expression_);
}

}  // namespace rankscope
