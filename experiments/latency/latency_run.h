// Timing the cells of a latency measurement (the paper's Table 1 and Figure 5).
#pragma once

#include <functional>

#include "experiments/latency/latency_cells.h"

namespace rankscope {

struct LatencyProgress {
  LatencyCell cell;
  std::size_t finished = 0, cells = 0;  // of the sweep
  std::int64_t rounds = 0;              // of this cell, done
};

// Seconds of a cell at so many floating point operations a second, roughly.
double latency_seconds(const LatencyCell& cell, const Manifest& manifest, const ModelShape& shape,
                       double flops_per_second);

// Times the unfinished cells, one after the other, and appends each to latency.jsonl when it is
// whole. In a round every variant makes one timed pass, in an order drawn anew, so that what the
// machine does beside falls on all alike; each timed pass follows untimed ones of the same variant,
// so that each finds its own weights in the caches, whoever ran before. Throws Interrupted
// between two passes where a stop was requested.
void measure_latencies(const SweepFolder& folder, const Manifest& manifest,
                       const std::function<void(const LatencyProgress&)>& report);

}  // namespace rankscope
