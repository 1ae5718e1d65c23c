#include "experiments/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
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

}  // namespace

FolderLock::FolderLock(const std::filesystem::path& folder, Busy busy)
    : descriptor_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  const std::string name = "'" + printable_path(folder) + "'";
  if (descriptor_ < 0)
    throw InputError("cannot use the folder " + name + ": " + system_error_text(errno) +
                     "; see who may use it, or give another");
  // A file system without locks (some network mounts) says so by another error: go on without.
  bool told = false;
  while (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
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
  if (!is_there(folder)) return false;
  try {
    const FolderLock lock(folder);
    return false;
  } catch (const FolderBusy&) {
    return true;
  }
}

}  // namespace rankscope
