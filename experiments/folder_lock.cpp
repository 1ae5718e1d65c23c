#include "experiments/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "common/error.h"
#include "common/files.h"
#include "common/text.h"

namespace rankscope {

FolderLock::FolderLock(const std::filesystem::path& folder)
    : descriptor_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  const std::string name = "'" + printable(folder.native(), 300) + "'";
  if (descriptor_ < 0)
    throw InputError("cannot use the folder " + name + ": " + system_error_text(errno) +
                     "; give another --out folder");
  // A file system without locks (some network mounts) says so by another error: go on without.
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(descriptor_);
    throw InputError("the folder " + name +
                     " is in use by another process; wait for it or give another --out folder");
  }
}

FolderLock::~FolderLock() { ::close(descriptor_); }

}  // namespace rankscope
