// What every run of a sweep file does first with its folder.
#pragma once

#include <memory>

#include "experiments/file_hashes.h"
#include "experiments/sweep/sweep_folder.h"
#include "experiments/sweep/sweep_hold.h"

namespace rankscope {

// Makes and takes the folder, heals the sweep's own files (a warning each), and writes the manifest
// and the hashes. The folder is held as long as what is returned. Errors as make_folder()'s,
// SweepHold's and refuse_other_sweep()'s.
std::unique_ptr<const SweepHold> begin_run(const SweepFolder& folder, const Manifest& manifest,
                                           const FileHashes& hashes);

}  // namespace rankscope
