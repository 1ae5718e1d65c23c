// The programs beside the report: is one here, a word for a shell, and a PATH that has none.
#pragma once

#include <cstdlib>
#include <string>

namespace rankscope::tests {

inline bool has_program(const std::string& name) {
  return std::system(("command -v " + name + " >/dev/null 2>&1").c_str()) == 0;
}
inline bool has_gnuplot() { return has_program("gnuplot"); }

// One word for a shell: folders' names may have spaces.
inline std::string shell_word(const std::string& text) {
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? "'\\''" : std::string(1, c);
  return word + "'";
}

// Until the end of the scope no program is found by its name.
class PathWithoutPrograms {
 public:
  PathWithoutPrograms() : before_(std::getenv("PATH") == nullptr ? "" : std::getenv("PATH")) {
    ::setenv("PATH", "/nonexistent", 1);
  }
  ~PathWithoutPrograms() { ::setenv("PATH", before_.c_str(), 1); }
  PathWithoutPrograms(const PathWithoutPrograms&) = delete;
  PathWithoutPrograms& operator=(const PathWithoutPrograms&) = delete;

 private:
  std::string before_;
};

}  // namespace rankscope::tests
