// A data set's file in memory, with its hash.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "common/files.h"
#include "datasets/readers/record.h"

namespace rankscope {

// The whole file. kPadding readable bytes follow its last one: the JSON parser reads in blocks.
class SourceText {
 public:
  static constexpr std::size_t kPadding = 64;

  // InputError where the file cannot be read, holds nothing but white space, or is UTF-16.
  // Whatever else is wrong in it is found by those who read it line by line.
  explicit SourceText(const std::filesystem::path& path, InputKind kind = InputKind::kAny);

  // Without a leading UTF-8 byte order mark.
  std::string_view text() const { return std::string_view(bytes_).substr(begin_, size_); }
  const ReadFile& file() const { return file_; }
  // For messages: the path, control characters made visible.
  const std::string& name() const { return name_; }
  // "dev:17": the file's name without its ending, and a line or an array's element, from 1.
  std::string numbered_id(std::uint64_t number) const;
  // "FILE:LINE".
  std::string where(std::uint64_t line) const;

 private:
  std::string bytes_;
  std::size_t begin_ = 0;
  std::size_t size_ = 0;
  ReadFile file_;
  std::string name_;
  std::string stem_;
};

}  // namespace rankscope
