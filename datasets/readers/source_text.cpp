#include "datasets/readers/source_text.h"

#include "common/error.h"
#include "common/hash.h"
#include "common/text.h"

namespace rankscope {

SourceText::SourceText(const std::filesystem::path& path, InputKind kind)
    : bytes_(read_text_file(path, kMaxFileBytes, kind)), name_(printable_path(path)) {
  file_ = {path.native(), bytes_.size(), sha256_hex(bytes_)};
  const std::filesystem::path stem = path.stem();
  stem_ = printable_path(stem);
  size_ = bytes_.size();
  const std::string_view all(bytes_);
  if (all.starts_with("\xef\xbb\xbf")) {
    begin_ = 3;
    size_ -= 3;
  } else if (all.starts_with("\xff\xfe") || all.starts_with("\xfe\xff")) {
    throw InputError(name_ + ": is UTF-16; convert it to UTF-8");
  }
  if (text().find_first_not_of(" \t\r\n") == std::string_view::npos) {
    throw InputError(name_ + ": is empty; was the download broken off?");
  }
  bytes_.append(kPadding, '\0');
}

std::string SourceText::numbered_id(std::uint64_t number) const {
  return stem_ + ":" + std::to_string(number);
}

std::string SourceText::where(std::uint64_t line) const {
  return name_ + ":" + std::to_string(line);
}

}  // namespace rankscope
