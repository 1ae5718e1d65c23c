// One process at a time in a folder.
#pragma once

#include <filesystem>

#include "common/error.h"

namespace rankscope {

// Another process holds the folder.
class FolderBusy : public InputError {
 public:
  using InputError::InputError;
};

// Holds an exclusive lock (flock(2)) on a folder until the end of the scope or of the process,
// however it ends; nothing is written. Throws FolderBusy where another process holds it, InputError
// where the folder cannot be opened.
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

// Whether a process holds the folder; not where there is none. InputError where it cannot be opened.
bool is_held(const std::filesystem::path& folder);

}  // namespace rankscope
