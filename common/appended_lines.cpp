#include "common/appended_lines.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "common/error.h"
#include "common/files.h"
#include "common/jsonl.h"

namespace rankscope {

namespace {

// Where the last whole line ends.
std::uint64_t whole_bytes(const std::filesystem::path& file) {
  if (!is_there(file)) return 0;
  const std::string text = read_regular_file(file);
  const std::size_t end = text.rfind('\n');
  return end == std::string::npos ? 0 : end + 1;
}

}  // namespace

AppendedLines::AppendedLines(const std::filesystem::path& file)
    : path_(file), file_(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, "cannot write") {
  if (::ftruncate(file_.number(), static_cast<off_t>(whole_bytes(file))) != 0)
    throw_file_error("cannot write", path_, errno);
}

void AppendedLines::append(std::string_view line) {
  while (!line.empty()) {
    const ssize_t count = ::write(file_.number(), line.data(), line.size());
    if (count < 0) {
      if (errno == EINTR) continue;
      throw_file_error("cannot write", path_, errno);
    }
    line.remove_prefix(static_cast<std::size_t>(count));
  }
}

std::vector<std::string> AppendedLines::whole_lines(const std::filesystem::path& file) {
  std::vector<std::string> lines;
  if (!is_there(file)) return lines;
  LineReader reader(file, LineReader::kMaxLineBytes, InputKind::kRegular);
  for (std::string_view line; reader.next(line);)
    if (reader.line_was_ended()) lines.emplace_back(line);
  return lines;
}

}  // namespace rankscope
