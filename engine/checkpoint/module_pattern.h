// Patterns of module names in PEFT's configs.
#pragma once

#include <regex>
#include <string>

namespace rankscope {

// A regular expression out of a config, matched against module names as Python's `re` would.
// Bounded: at most 256 characters, no counted repetition, and an automaton instead of backtracking,
// so that no pattern can take exponential time. Throws InputError for one it cannot read.
class ModulePattern {
 public:
  ModulePattern(const std::string& pattern, const std::string& where);
  // The whole of `module` matches.
  bool matches(const std::string& module) const;
  // A suffix that starts at a name's boundary matches: PEFT's (.*\.)?(KEY)$.
  static ModulePattern suffix(const std::string& key, const std::string& where);

 private:
  std::regex expression_;
};

}  // namespace rankscope
