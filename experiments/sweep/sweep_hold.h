// The coordinator's hold on a sweep's folder: one at a time, and it says in the folder who it is.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "experiments/folder_lock.h"

namespace rankscope {

class SweepHold {
 public:
  // InputError that names the process where another has it, and where `of_one_host` is false (the
  // folder's file system may be a network's, where not every lock reaches other hosts) also where
  // coordinator.json names one of another host.
  explicit SweepHold(const std::filesystem::path& folder)
      : SweepHold(folder, is_of_one_host(folder)) {}
  SweepHold(const std::filesystem::path& folder, bool of_one_host);
  ~SweepHold();
  SweepHold(const SweepHold&) = delete;
  SweepHold& operator=(const SweepHold&) = delete;

 private:
  struct Holder;
  std::optional<Holder> recorded() const;

  std::filesystem::path file_;  // coordinator.json
  std::optional<FolderLock> lock_;
};

}  // namespace rankscope
