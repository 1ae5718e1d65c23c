// The coordinator's hold on a sweep's folder: one at a time, and it says in the folder who it is.
#pragma once

#include <filesystem>
#include <optional>

#include "experiments/folder_lock.h"

namespace rankscope {

// For who holds the folder's lock. InputError where coordinator.json names a process of another
// host that may hold it too: `of_one_host` is false, the folder's file system may be a network's,
// where not every lock reaches other hosts.
void refuse_other_host(const std::filesystem::path& folder, bool of_one_host);

class SweepHold {
 public:
  // InputError that names the process where another has it, and as refuse_other_host's.
  explicit SweepHold(const std::filesystem::path& folder)
      : SweepHold(folder, is_of_one_host(folder)) {}
  SweepHold(const std::filesystem::path& folder, bool of_one_host);
  ~SweepHold();
  SweepHold(const SweepHold&) = delete;
  SweepHold& operator=(const SweepHold&) = delete;

 private:
  std::filesystem::path file_;  // coordinator.json
  std::optional<FolderLock> lock_;
};

}  // namespace rankscope
