// The cells of a latency measurement, and the file that keeps the finished ones: latency.jsonl.
#pragma once

#include <string>
#include <vector>

#include "experiments/sweep/sweep_folder.h"
#include "results/latency_records.h"

namespace rankscope {

// One batch and length, at which all variants are timed in turn.
struct LatencyCell {
  std::int64_t batch = 0, length = 0, rounds = 0;
  std::string identity;  // SHA-256 of all that is asked for, the base's weights included
};

// In the order of the file: batches, and lengths in each. None where the sweep asks for no latency.
std::vector<LatencyCell> latency_cells(const Manifest& manifest);

// The line of a finished cell, with its end.
std::string latency_line(const LatencyCell& cell, const LatencyRecord& record);

struct FinishedLatencies {
  std::vector<LatencyRecord> cells;  // those that the sweep asks for, in its order
  std::vector<LatencyCell> unfinished;
  std::vector<std::string> problems;  // lines that cannot be read
};
// A line whose identity the sweep no longer has is passed over: it answers another question.
FinishedLatencies finished_latencies(const SweepFolder& folder, const Manifest& manifest);

}  // namespace rankscope
