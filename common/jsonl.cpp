#include "common/jsonl.h"

#include <algorithm>

#include "common/error.h"
#include "common/text.h"

namespace rankscope {
namespace {

constexpr std::size_t kReadBytes = std::size_t{256} << 10;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

}  // namespace

LineReader::LineReader(const std::filesystem::path& path, std::size_t max_line_bytes,
                       InputKind kind)
    : path_(path),
      name_(printable_path(path)),
      max_line_bytes_(max_line_bytes),
      file_(open_to_read(path, kind)) {
  while (buffer_.size() < kByteOrderMark.size() && fill()) {
  }
  if (buffer_.starts_with(kByteOrderMark)) begin_ = scanned_ = kByteOrderMark.size();
}

std::string LineReader::where() const { return name_ + ":" + std::to_string(line_number_); }

bool LineReader::fill() {
  if (at_end_) return false;
  buffer_.erase(0, begin_);
  scanned_ -= begin_;
  begin_ = 0;
  const std::size_t used = buffer_.size();
  buffer_.resize(used + std::max(kReadBytes, used));
  const std::size_t count =
      read_some(file_.number(), buffer_.data() + used, buffer_.size() - used, path_);
  buffer_.resize(used + count);
  at_end_ = count == 0;
  return !at_end_;
}

bool LineReader::next(std::string_view& line) {
  std::size_t end = buffer_.find('\n', scanned_);
  while (end == std::string::npos) {
    scanned_ = buffer_.size();
    // Two more than the longest legal line: its end can be "\r\n".
    if (scanned_ - begin_ > max_line_bytes_ + 2 || !fill()) break;
    end = buffer_.find('\n', scanned_);
  }
  line_was_ended_ = end != std::string::npos;
  if (!line_was_ended_) {
    if (begin_ == buffer_.size()) return false;
    end = buffer_.size();
  }
  line = std::string_view(buffer_).substr(begin_, end - begin_);
  begin_ = scanned_ = std::min(end + 1, buffer_.size());
  ++line_number_;
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.size() > max_line_bytes_) {
    throw InputError(where() + ": line longer than the " + std::to_string(max_line_bytes_) +
                     " bytes allowed here; is this a text file of one item a line?");
  }
  return true;
}

JsonlReader::JsonlReader(const std::filesystem::path& path, JsonLimits limits, InputKind kind)
    : lines_(path, LineReader::kMaxLineBytes, kind), limits_(limits) {}

bool JsonlReader::next(Json& value) {
  std::string_view line;
  while (lines_.next(line)) {
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) {
      ++blank_lines_;
      continue;
    }
    value = parse_json(line, lines_.name(), limits_, lines_.line_number());
    if (!value.is_object()) {
      throw InputError(lines_.where() + ": must be a JSON object, not " + json_excerpt(value));
    }
    return true;
  }
  return false;
}

JsonObject JsonlReader::object(const Json& value, JsonObject::Nulls nulls) const {
  return JsonObject(value, lines_.where(), nulls);
}

}  // namespace rankscope
