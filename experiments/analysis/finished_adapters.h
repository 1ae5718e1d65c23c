// Which trials of a sweep have an adapter that can be analysed, and by what the database knows it
// again.
#pragma once

#include <map>
#include <string>

#include "experiments/sweep/sweep_folder.h"

namespace rankscope {

std::filesystem::path adapter_folder(const SweepFolder& folder, const Trial& trial);
// Whether its weights are in that folder.
bool has_weights(const SweepFolder& folder, const Trial& trial);

// A run looks at others whenever a trial ends, and finished ones do not change: each is read once.
class FinishedAdapters {
 public:
  // Of a sweep that is analysed; both must outlive it.
  FinishedAdapters(const SweepFolder& folder, const Manifest& manifest)
      : folder_(folder), manifest_(manifest) {}

  struct Facts {
    // Of its record and its config as the training wrote them, by their names in that training's
    // folder; without those that an older program did not record.
    std::map<std::string, std::string> hashes;
    std::string stamp;  // of what is computed from it
  };
  // Null where there is none: of a trial that is not finished, is damaged or of other data. That is
  // looked for anew at every call; what was found is kept, and stays in place until forget().
  // Throws PermissionDenied.
  const Facts* find(const Trial& trial);
  // Somebody may have changed the files since.
  void forget() { known_.clear(); }

 private:
  const SweepFolder& folder_;
  const Manifest& manifest_;
  std::map<const Trial*, Facts> known_;
};

}  // namespace rankscope
