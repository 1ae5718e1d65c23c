#include "engine/checkpoint/module_pattern.h"

#include "common/error.h"
#include "common/text.h"

namespace rankscope {
namespace {

constexpr size_t kMaxPatternLength = 256;

// What Python's expressions and ECMAScript's say the same by, an escaped letter or another
// character.
constexpr std::string_view kSharedEscapes = "dDwWsSbBfnrtv";

bool is_letter_or_digit(char c) {
  return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

// What is another expression here than in Python, or none there: an escape that one of them alone
// has (\Z, a back reference), a counted repetition, whose long numbers libstdc++ overflows on, a
// quantifier behind a quantifier (possessive in Python), and in a class a ] at its beginning and a
// class of its own ([:alpha:]).
std::string foreign_part(const std::string& pattern) {
  bool in_class = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i], next = i + 1 < pattern.size() ? pattern[i + 1] : '\0';
    if (c == '\\') {
      if (is_letter_or_digit(next) && kSharedEscapes.find(next) == std::string_view::npos)
        return std::string{c, next};
      ++i;
    } else if (in_class) {
      if (c == '[' && (next == ':' || next == '.' || next == '=')) return std::string{c, next};
      if (c == ']') in_class = false;
    } else if (c == '[') {
      in_class = true;
      if (next == '^') ++i;
      if (i + 1 < pattern.size() && pattern[i + 1] == ']') return "] first in a class";
    } else if (c == '{') {
      return "{";
    } else if ((c == '*' || c == '+' || c == '?') && (next == '+' || next == '*')) {
      return std::string{c, next};
    }
  }
  return {};
}

}  // namespace

ModulePattern::ModulePattern(const std::string& pattern, const std::string& where) {
  if (pattern.size() > kMaxPatternLength) {
    throw InputError(where + ": the pattern '" + printable(pattern) +
                     "' is too long; list the modules' names");
  }
  if (const std::string part = foreign_part(pattern); !part.empty()) {
    throw InputError(where + ": the pattern '" + printable(pattern) + "' has " + part +
                     ", which is not supported; list the modules' names");
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
