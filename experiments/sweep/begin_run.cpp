#include "experiments/sweep/begin_run.h"

#include "common/files.h"
#include "common/folders.h"
#include "common/log.h"
#include "experiments/sweep/heal.h"

namespace rankscope {

std::unique_ptr<const SweepHold> begin_run(const SweepFolder& folder, const Manifest& manifest,
                                           const FileHashes& hashes) {
  make_folder(folder.path(), "give another --dir");
  for (const std::string& healed : heal_lock(folder)) log::warning("{}", healed);
  auto hold = std::make_unique<const SweepHold>(folder.path());
  clear_stale_temporaries(folder.path(), Writers::kOthers);
  for (const std::string& healed : heal_sweep_files(folder)) log::warning("{}", healed);
  refuse_other_sweep(folder, manifest);
  hashes.save(folder.hashes());
  write_manifest(folder, manifest);
  return hold;
}

}  // namespace rankscope
