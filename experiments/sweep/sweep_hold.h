// The coordinator's hold on a sweep's folder: one at a time, and it says in the folder who it is.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "experiments/folder_lock.h"
#include "experiments/sweep/sweep_folder.h"

namespace rankscope {

class SweepHold {
 public:
  // InputError that names the process where another has it.
  explicit SweepHold(const SweepFolder& folder);
  ~SweepHold();
  SweepHold(const SweepHold&) = delete;
  SweepHold& operator=(const SweepHold&) = delete;

 private:
  bool holder_is_gone() const;
  std::string who() const;

  std::filesystem::path file_;  // coordinator.json
  std::optional<FolderLock> lock_;
};

}  // namespace rankscope
