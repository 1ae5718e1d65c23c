// `run` of a sweep file with `latency`: cells are timed in this process, by nobody else's side.
#pragma once

#include <string>

#include "experiments/sweep/sweep_folder.h"

namespace rankscope {

struct LatencyCommand {
  std::string device;  // empty: the file's
  int threads = 0;     // 0: the file's
  bool dry_run = false;
  bool json = false;
};

// The exit code.
int run_latency(const Sweep& sweep, const SweepFolder& folder, const LatencyCommand& command);

}  // namespace rankscope
