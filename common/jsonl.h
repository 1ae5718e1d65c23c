// Lines of a text file, and JSON Lines: one JSON object a line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "common/file_descriptor.h"
#include "common/json.h"

namespace rankscope {

// Reads a file, or a pipe, line by line. "\n" and "\r\n" end a line, the last line may lack its
// end, a UTF-8 byte order mark at the start is dropped. A line over `max_line_bytes` is an
// InputError; nothing else about the content is checked.
class LineReader {
 public:
  static constexpr std::size_t kMaxLineBytes = std::size_t{64} << 20;

  explicit LineReader(const std::filesystem::path& path, std::size_t max_line_bytes = kMaxLineBytes,
                      InputKind kind = InputKind::kAny);

  // Points `line` at the next line, without its end; valid until the next call. False at the end.
  bool next(std::string_view& line);
  // The number of the line last returned, from 1; 0 before the first.
  std::uint64_t line_number() const { return line_number_; }
  // False only when the line last returned was the file's last and had no line end: in a file that
  // is appended to, a sign that the writer was killed in the middle.
  bool line_was_ended() const { return line_was_ended_; }
  // For messages: the path, control characters made visible.
  const std::string& name() const { return name_; }
  // "FILE:LINE", for messages.
  std::string where() const;

 private:
  bool fill();

  std::filesystem::path path_;
  std::string name_;
  std::size_t max_line_bytes_;
  FileDescriptor file_;
  std::string buffer_;
  std::size_t begin_ = 0;    // the first byte of the next line
  std::size_t scanned_ = 0;  // up to here there is no line end
  bool at_end_ = false;
  bool line_was_ended_ = true;
  std::uint64_t line_number_ = 0;
};

// Reads JSON Lines. Lines of nothing but white space are skipped and counted. A line that is not
// one JSON object is an InputError "FILE:LINE: ...".
class JsonlReader {
 public:
  explicit JsonlReader(const std::filesystem::path& path, JsonLimits limits = {},
                       InputKind kind = InputKind::kAny);

  // Reads the next object into `value`. False at the end.
  bool next(Json& value);
  // A checked reader of `value`, whose messages begin "FILE:LINE: field 'x': ".
  JsonObject object(const Json& value, JsonObject::Nulls nulls = JsonObject::Nulls::kRefuse) const;

  std::uint64_t line_number() const { return lines_.line_number(); }
  std::uint64_t blank_lines() const { return blank_lines_; }
  std::string where() const { return lines_.where(); }

 private:
  LineReader lines_;
  JsonLimits limits_;
  std::uint64_t blank_lines_ = 0;
};

}  // namespace rankscope
