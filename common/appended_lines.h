// A file of lines that grows while it is worked on.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "common/file_descriptor.h"

namespace rankscope {

// Each line reaches the file in one write, so that a process killed at any moment leaves whole
// lines and at most one broken one at the end.
class AppendedLines {
 public:
  // Cuts a broken last line off. MachineError or InputError where the file cannot be written.
  explicit AppendedLines(const std::filesystem::path& file);
  // `line` with its end.
  void append(std::string_view line);

  // The lines of a file, without their ends; a last line without an end is left out. None where
  // there is no file.
  static std::vector<std::string> whole_lines(const std::filesystem::path& file);

 private:
  std::filesystem::path path_;
  FileDescriptor file_;
};

}  // namespace rankscope
