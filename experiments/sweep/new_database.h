// A sweep's results.db made anew, beside the old one until it is known to lack nothing of it.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "experiments/sweep/sweep_folder.h"

namespace rankscope {

class NewDatabase {
 public:
  // Removes what a killed process left of one. InputError where that fails.
  explicit NewDatabase(const SweepFolder& folder);
  // Removes it where it was not put in the old one's place.
  ~NewDatabase();
  NewDatabase(const NewDatabase&) = delete;
  NewDatabase& operator=(const NewDatabase&) = delete;

  // Where a Collector fills it.
  const std::filesystem::path& file() const { return file_; }

  // Puts it in the old one's place and returns nothing; or leaves the old one as it is, and returns
  // a line that says what it holds of the sweep and the new one lacks. The analysis of a trial in
  // `altered` is not missed, nor anything of one in `refused`. A damaged old one is put aside, with
  // a warning. No store of either may be open. InputError where the old one is another program's, a
  // newer version's or in use.
  std::string replace_old(const Manifest& manifest, const std::vector<std::string>& altered,
                          const std::set<std::string>& refused);

 private:
  std::filesystem::path old_, file_;
};

}  // namespace rankscope
