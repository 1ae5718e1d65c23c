// One process at a time in a folder.
#pragma once

#include <filesystem>

#include "common/error.h"

namespace rankscope {

// In a folder. A file: on NFS a lock on a folder is this host's alone.
inline constexpr const char* kLockFile = ".lock";

// Another process holds the folder.
class FolderBusy : public InputError {
 public:
  using InputError::InputError;
};

// Holds an exclusive lock (flock(2)) on the folder's file `.lock` until the end of the scope or of
// the process, however it ends. The file is made where it is not there, stays, and holds nothing.
// Throws FolderBusy where another process holds it, InputError where the folder cannot be written
// in or has a folder in the file's place, MachineError where it is full. A file system without
// locks is warned of once.
class FolderLock {
 public:
  // What to do while another process holds the folder: refuse at once, or wait until it is free or
  // a stop is requested (Interrupted). Nothing expires by the clock.
  enum class Busy { kRefuse, kWait };
  explicit FolderLock(const std::filesystem::path& folder, Busy busy = Busy::kRefuse);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_;
};

// Whether a process holds the folder; not where there is none. Writes nothing. InputError where the
// lock's file cannot be opened.
bool is_held(const std::filesystem::path& folder);

// Whether the folder's file system is known to be one host's own, so that nobody but the processes
// of this host can hold the folder. Of a network's some keep locks from other hosts.
bool is_of_one_host(const std::filesystem::path& folder);

}  // namespace rankscope
