#include "experiments/folder_lock.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <iterator>
#include <thread>
#include <utility>

#include "common/error.h"
#include "common/files.h"
#include "common/interrupt.h"
#include "common/log.h"
#include "common/text.h"

namespace rankscope {

namespace {

constexpr std::chrono::milliseconds kRetryAfter{50};

std::string quoted(const std::filesystem::path& path) { return "'" + printable_path(path) + "'"; }

// Below 0 with errno where there can be none.
int open_lock(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / kLockFile;
  // To be written to, as NFS locks no other for one process alone. A pipe keeps nobody waiting.
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
  if (descriptor >= 0 || (errno != EACCES && errno != EROFS)) return descriptor;
  const int error_number = errno;
  // Another user's is locked as well, where the file system is not a network's.
  const int readable = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  errno = error_number;
  return readable;
}

// Tries to take the lock (LOCK_EX, LOCK_SH): whether another process is in the way. Where the file
// system has none, nobody is.
bool is_busy(int descriptor, int lock, const std::filesystem::path& folder) {
  while (::flock(descriptor, lock | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno == EWOULDBLOCK) return true;
    const int error_number = errno;
    static std::atomic<bool> told{false};
    if (!told.exchange(true))
      log::warning(
          "{} cannot be locked ({}): see to it that no other process works in it, or use a folder "
          "of another file system",
          quoted(folder), system_error_text(error_number));
    return false;
  }
  return false;
}

}  // namespace

FolderLock::FolderLock(const std::filesystem::path& folder, Busy busy)
    : descriptor_(open_lock(folder)) {
  const int error_number = errno;
  const std::string name = quoted(folder);
  if (descriptor_ < 0) {
    if (error_number == EISDIR)
      throw InputError(quoted(folder / kLockFile) + " is a folder in a file's place; remove it");
    const std::string text =
        "cannot write in the folder " + name + ": " + system_error_text(error_number);
    if (error_number == ENOSPC || error_number == EDQUOT || error_number == EIO)
      throw MachineError(text);
    throw InputError(text + "; see who may write there, or give another");
  }
  bool told = false;
  while (is_busy(descriptor_, LOCK_EX, folder)) {
    if (busy == Busy::kWait && !stop_requested()) {
      if (!std::exchange(told, true)) log::info("waiting for the process that holds {}", name);
      std::this_thread::sleep_for(kRetryAfter);
      continue;
    }
    ::close(descriptor_);
    throw_if_stop_requested();
    throw FolderBusy("the folder " + name +
                     " is in use by another process; wait for it or give another folder");
  }
}

FolderLock::~FolderLock() { ::close(descriptor_); }

bool is_held(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / kLockFile;
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    const int error_number = errno;
    if (error_number == ENOENT) return false;
    throw InputError("cannot read " + quoted(file) + ": " + system_error_text(error_number) +
                     "; see who may read it");
  }
  const bool held = is_busy(descriptor, LOCK_SH, folder);
  ::close(descriptor);
  return held;
}

bool is_of_one_host(const std::filesystem::path& folder) {
  // <linux/magic.h> has no ZFS.
  constexpr unsigned long kZfs = 0x2fc12fc1;
  constexpr unsigned long kOwn[] = {
      EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC,     F2FS_SUPER_MAGIC,
      TMPFS_MAGIC,      RAMFS_MAGIC,     OVERLAYFS_SUPER_MAGIC, kZfs};
  struct statfs found {};
  if (::statfs(folder.c_str(), &found) != 0) return false;
  // Of type long or int, by the architecture; the largest of the numbers has the sign's bit.
  const auto type = static_cast<unsigned long>(found.f_type) & 0xffffffffUL;
  return std::ranges::find(kOwn, type) != std::end(kOwn);
}

}  // namespace rankscope
