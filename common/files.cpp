#include "common/files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "common/error.h"
#include "common/file_descriptor.h"
#include "common/text.h"

namespace rankscope {

std::string system_error_text(int error_number) {
  std::string text = std::generic_category().message(error_number);
  if (error_number == ENOSPC) return "disk full (" + text + ")";
  if (error_number == EDQUOT || error_number == EFBIG) {
    return "disk full: a quota or file size limit is reached (" + text + ")";
  }
  return text;
}

std::filesystem::file_status status_of(const std::filesystem::path& path, const char* action) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (error && status.type() == std::filesystem::file_type::none)
    throw_file_error(action, path, error.value());
  return status;
}

bool is_there(const std::filesystem::path& path) {
  return std::filesystem::exists(status_of(path, "cannot look for"));
}

bool is_folder(const std::filesystem::path& path) {
  return std::filesystem::is_directory(status_of(path, "cannot look for"));
}

std::vector<std::filesystem::path> names_in_folder(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> names;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error))
    names.push_back(it->path());
  if (error) throw_file_error("cannot read folder", folder, error.value());
  return names;
}

void throw_file_error(const std::string& action, const std::filesystem::path& path,
                      int error_number) {
  const std::string message =
      action + " '" + printable_path(path) + "': " + system_error_text(error_number);
  switch (error_number) {
    case EACCES:
    case EPERM:
      throw PermissionDenied(message);
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case EROFS:
    case ELOOP:
    case ENAMETOOLONG:
    case EINVAL:
    case EEXIST:
    case ENXIO:
      throw InputError(message);
    default:
      throw MachineError(message);
  }
}

FileDescriptor::FileDescriptor(const std::filesystem::path& path, int flags, const char* action) {
  do {
    number_ = ::open(path.c_str(), flags | O_CLOEXEC);
  } while (number_ < 0 && errno == EINTR);
  if (number_ < 0) throw_file_error(action, path, errno);
}

FileDescriptor::~FileDescriptor() {
  if (number_ >= 0) ::close(number_);
}

namespace {

// `action` and `advice` begin and end the message.
void require_regular(const struct stat& status, const std::filesystem::path& path,
                     const std::string& action, const char* advice) {
  if (S_ISREG(status.st_mode)) return;
  if (S_ISDIR(status.st_mode)) throw_file_error(action, path, EISDIR);
  throw InputError(action + " '" + printable_path(path) + "': not a regular file; " + advice);
}

}  // namespace

FileDescriptor open_to_read(const std::filesystem::path& path, InputKind kind) {
  // With O_NONBLOCK, opening a named pipe does not wait for a writer. It changes nothing for a
  // regular file.
  if (kind == InputKind::kAny) return FileDescriptor(path, O_RDONLY, "cannot read");
  FileDescriptor file(path, O_RDONLY | O_NONBLOCK, "cannot read");
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) throw_file_error("cannot read", path, errno);
  require_regular(status, path, "cannot read", "put one in its place");
  return file;
}

std::string read_regular_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
  return read_text_file(path, max_bytes, InputKind::kRegular);
}

void require_regular_file(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 && ::lstat(path.c_str(), &status) != 0) return;
  require_regular(status, path, "cannot open", "put one in its place");
}

std::size_t read_some(int descriptor, char* buffer, std::size_t size,
                      const std::filesystem::path& path) {
  for (;;) {
    const ssize_t count = ::read(descriptor, buffer, size);
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR) throw_file_error("cannot read", path, errno);
  }
}

std::string read_text_file(const std::filesystem::path& path, std::uint64_t max_bytes,
                           InputKind kind) {
  const FileDescriptor file = open_to_read(path, kind);
  constexpr std::size_t kUnknown = std::size_t{64} << 10;
  // One byte more than there are, and the end is met without a larger buffer. A pipe's size, or
  // one under /proc, is not known: 0.
  struct stat status {};
  std::size_t first = kUnknown;
  if (::fstat(file.number(), &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0 &&
      static_cast<std::uint64_t>(status.st_size) <= max_bytes)
    first = static_cast<std::size_t>(status.st_size) + 1;
  std::string text;
  std::size_t used = 0;
  for (;;) {
    if (used == text.size()) text.resize(std::max(first, 2 * text.size()));
    const std::size_t count =
        read_some(file.number(), text.data() + used, text.size() - used, path);
    if (count == 0) break;
    used += count;
    if (used > max_bytes) {
      throw InputError("cannot read '" + printable_path(path) + "': longer than the " +
                       std::to_string(max_bytes) + " bytes allowed here");
    }
  }
  text.resize(used);
  return text;
}

MappedFile::MappedFile(const std::filesystem::path& path) {
  // Without O_NONBLOCK, opening a named pipe would wait for a writer.
  const FileDescriptor file(path, O_RDONLY | O_NONBLOCK, "cannot open");
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) throw_file_error("cannot open", path, errno);
  require_regular(status, path, "cannot open", "copy its content to one");
  size_ = static_cast<std::size_t>(status.st_size);
  if (size_ == 0) return;
  void* start = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.number(), 0);
  if (start == MAP_FAILED) {
    const int error_number = errno;
    size_ = 0;
    throw MachineError("cannot map '" + printable_path(path) +
                       "': " + system_error_text(error_number));
  }
  data_ = static_cast<const std::byte*>(start);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

void MappedFile::drop_pages(std::uint64_t offset, std::uint64_t length) const {
  if (data_ == nullptr || offset >= size_) return;
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::uint64_t end = offset + std::min<std::uint64_t>(length, size_ - offset);
  const std::uint64_t first = (offset + page - 1) / page * page;
  // The last page of the file is part of the mapping as a whole.
  const std::uint64_t last = end == size_ ? end : end / page * page;
  if (first >= last) return;
  // Advice only: if the system declines, the pages stay.
  ::madvise(const_cast<std::byte*>(data_) + first, last - first, MADV_DONTNEED);
}

}  // namespace rankscope
