// What the analysis is timed on.
#pragma once

#include <filesystem>

#include "experiments/sweep/sweep_folder.h"

namespace rankscope::bench {

// Below `root`, made on first use and where what follows has changed (1.2 GB): PEFT folders one/
// and other/ of rank 64 at the Wq of one layer of 12,288 dimensions, and base/, a model of that
// layer whose Wq has a spectrum that falls as those of trained matrices do.
void make_wide_adapters(const std::filesystem::path& root);

// A finished sweep in `folder`, likewise (0.8 GB): adapters of ranks 1, 2, 4, ..., 128
// with five seeds each on all four attention matrices of `base` (12 layers of width 768), their B
// drawn as if they were trained.
Manifest make_adapter_sweep(const SweepFolder& folder, const std::filesystem::path& base);

}  // namespace rankscope::bench
