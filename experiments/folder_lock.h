// One process at a time in a folder.
#pragma once

#include <filesystem>

namespace rankscope {

// Holds an exclusive lock (flock(2)) on a folder until the end of the scope or of the process,
// however it ends; nothing is written. Throws InputError where another process holds it.
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_;
};

}  // namespace rankscope
