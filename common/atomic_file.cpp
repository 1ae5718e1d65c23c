// The writing half of files.h.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <system_error>

#include "common/error.h"
#include "common/file_descriptor.h"
#include "common/files.h"
#include "common/text.h"

namespace rankscope {
namespace {

namespace fs = std::filesystem;

// A temporary name is ".NAME" + mark + "PID-COUNT".
constexpr std::string_view kNewMark = ".rankscope-new-";
constexpr std::string_view kOldMark = ".rankscope-old-";
constexpr std::size_t kBufferBytes = std::size_t{256} << 10;

fs::path sibling(const fs::path& target, std::string_view mark) {
  static std::atomic<unsigned> count{0};
  std::string name = "." + target.filename().native() + std::string(mark) +
                     std::to_string(::getpid()) + "-" + std::to_string(count.fetch_add(1));
  return target.parent_path() / name;
}

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

void sync_path(const fs::path& path, int flags) {
  const FileDescriptor opened(path, flags, "cannot sync");
  // Some file systems cannot sync a folder and say EINVAL: nothing more can be done there.
  if (::fsync(opened.number()) != 0 && errno != EINVAL) {
    throw_file_error("cannot sync", path, errno);
  }
}

void sync_folder(const fs::path& folder) { sync_path(folder, O_RDONLY | O_DIRECTORY); }

void rename_or_throw(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) throw_file_error("cannot write", to, errno);
}

// Every command that makes a new folder takes its name by --out.
[[noreturn]] void refuse_existing(const fs::path& folder) {
  throw InputError("cannot write folder '" + printable_path(folder) +
                   "': " + system_error_text(EEXIST) + "; give another --out folder");
}

void remove_tree(const fs::path& path) noexcept {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

// Whether "PID-COUNT" is of a process that lives on this machine and is not this one, whose number
// a killed one may have had.
bool is_of_another_process(std::string_view numbers) {
  pid_t process = 0;
  const auto [end, error] =
      std::from_chars(numbers.data(), numbers.data() + numbers.size(), process);
  if (error != std::errc() || process <= 0 || process == ::getpid()) return false;
  return ::kill(process, 0) == 0 || errno == EPERM;
}

// What "a/b/" and "a/b/." mean; a name to rename to must be the last part of the path.
fs::path without_trailing_slash(const fs::path& path) {
  fs::path normal = path.lexically_normal();
  if (!normal.has_filename()) normal = normal.parent_path();
  if (!normal.has_filename() || normal == "." || normal.filename() == "..") {
    throw InputError("cannot write '" + printable_path(path) +
                     "': give the name of a folder to make");
  }
  return normal;
}

}  // namespace

AtomicFile::AtomicFile(const fs::path& path) : target_(path) {
  const fs::file_status status = status_of(path, "cannot write");
  if (fs::is_directory(status)) throw_file_error("cannot write", path, EISDIR);
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    // Renaming over a device or a pipe would delete it.
    throw InputError("cannot write '" + printable_path(path) + "': it is not a regular file");
  }
  if (path.filename().empty()) throw_file_error("cannot write", path, ENOENT);
  if (fs::is_symlink(fs::symlink_status(path)) && fs::exists(status)) {
    target_ = fs::canonical(path);
  }
  temporary_ = sibling(target_, kNewMark);
  do {
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    // The same process number in another container, killed: its name is taken.
    if (descriptor_ < 0 && errno == EEXIST) {
      temporary_ = sibling(target_, kNewMark);
      errno = EINTR;
    }
  } while (descriptor_ < 0 && errno == EINTR);
  if (descriptor_ < 0) throw_file_error("cannot write", path, errno);
  buffer_.reserve(kBufferBytes);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
    ::unlink(temporary_.c_str());
  }
}

void AtomicFile::write(std::string_view text) {
  if (buffer_.size() + text.size() > kBufferBytes) flush();
  if (text.size() > kBufferBytes) {
    put(text.data(), text.size());
  } else {
    buffer_.insert(buffer_.end(), text.begin(), text.end());
  }
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  write(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

void AtomicFile::flush() {
  put(buffer_.data(), buffer_.size());
  buffer_.clear();
}

void AtomicFile::put(const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t count = ::write(descriptor_, data, size);
    if (count < 0) {
      if (errno == EINTR) continue;
      throw_file_error("cannot write", target_, errno);
    }
    data += count;
    size -= static_cast<std::size_t>(count);
  }
}

void AtomicFile::commit() {
  flush();
  if (::fsync(descriptor_) != 0) throw_file_error("cannot write", target_, errno);
  // Network file systems report a full disk as late as here; the destructor then removes the name.
  const int descriptor = descriptor_;
  if (::close(descriptor) != 0 && errno != EINTR) {
    const int error_number = errno;
    descriptor_ = -1;
    ::unlink(temporary_.c_str());
    throw_file_error("cannot write", target_, error_number);
  }
  descriptor_ = -1;
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) {
    const int error_number = errno;
    ::unlink(temporary_.c_str());
    throw_file_error("cannot write", target_, error_number);
  }
  sync_folder(folder_of(target_));
}

void write_file_atomically(const fs::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

void write_file_atomically(const fs::path& path, std::span<const std::byte> bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

FolderTransaction::FolderTransaction(const fs::path& target, Existing existing)
    : target_(without_trailing_slash(target)), existing_(existing) {
  const fs::file_status status = status_of(target_, "cannot write");
  if (fs::exists(status) && !fs::is_directory(status)) {
    throw_file_error("cannot write folder", target, ENOTDIR);
  }
  if (fs::exists(status) && existing_ == Existing::kRefuse) {
    refuse_existing(target);
  }
  if (fs::exists(status) && fs::is_symlink(fs::symlink_status(target_))) {
    target_ = fs::canonical(target_);
  }
  do {
    temporary_ = sibling(target_, kNewMark);
    errno = 0;
  } while (::mkdir(temporary_.c_str(), 0777) != 0 && errno == EEXIST);
  if (errno != 0) throw_file_error("cannot write folder", target, errno);
}

FolderTransaction::~FolderTransaction() {
  if (!committed_) remove_tree(temporary_);
}

void FolderTransaction::commit() {
  std::error_code error;
  for (fs::recursive_directory_iterator it(temporary_, error), end; !error && it != end;
       it.increment(error)) {
    if (it->is_symlink()) continue;
    if (it->is_directory()) sync_folder(it->path());
    if (it->is_regular_file()) sync_path(it->path(), O_RDONLY);
  }
  if (error) throw_file_error("cannot read folder", temporary_, error.value());
  sync_folder(temporary_);
  replace_target();
  committed_ = true;
  sync_folder(folder_of(target_));
}

void FolderTransaction::replace_target() {
  if (::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, target_.c_str(), RENAME_NOREPLACE) == 0) {
    return;
  }
  const bool has_flags = errno != EINVAL && errno != ENOSYS;
  if (has_flags && errno != EEXIST) throw_file_error("cannot write folder", target_, errno);
  if (fs::exists(fs::symlink_status(target_)) && existing_ == Existing::kRefuse) {
    refuse_existing(target_);
  }
  if (has_flags &&
      ::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, target_.c_str(), RENAME_EXCHANGE) == 0) {
    remove_tree(temporary_);
    return;
  }
  // A file system without these flags: between the two renames there is no target, and
  // clear_stale_temporaries() puts the old one back if the process dies there.
  std::optional<fs::path> aside;
  if (fs::exists(fs::symlink_status(target_))) {
    aside = sibling(target_, kOldMark);
    rename_or_throw(target_, *aside);
  }
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) {
    const int error_number = errno;
    if (aside) ::rename(aside->c_str(), target_.c_str());
    throw_file_error("cannot write folder", target_, error_number);
  }
  if (aside) remove_tree(*aside);
}

std::size_t clear_stale_temporaries(const fs::path& folder, Writers writers) {
  std::size_t dealt_with = 0;
  // Collected first: the folder must not change under an iterator.
  for (const fs::path& path : names_in_folder(folder)) {
    const std::string name = path.filename().native();
    if (!name.starts_with('.')) continue;
    const std::size_t old_mark = name.rfind(kOldMark), new_mark = name.rfind(kNewMark);
    const bool is_old = old_mark != std::string::npos && old_mark > 1;
    if (!is_old && new_mark == std::string::npos) continue;
    const std::string_view behind(name);
    if (writers == Writers::kOthers &&
        is_of_another_process(
            behind.substr(is_old ? old_mark + kOldMark.size() : new_mark + kNewMark.size())))
      continue;
    if (is_old) {
      const fs::path original = folder / name.substr(1, old_mark - 1);
      if (!fs::exists(fs::symlink_status(original))) {
        rename_or_throw(path, original);
        ++dealt_with;
        continue;
      }
    }
    remove_tree(path);
    ++dealt_with;
  }
  return dealt_with;
}

}  // namespace rankscope
