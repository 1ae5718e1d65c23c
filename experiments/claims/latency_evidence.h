// What the results databases hold of forward passes, as the statistics need it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiments/claims/evidence.h"
#include "metrics/estimate.h"
#include "results/findings.h"

namespace rankscope {

// One variant at one batch and length, beside the base.
struct LatencySeries {
  std::int64_t batch = 0, length = 0;
  std::string variant;
  std::int64_t bottleneck = 0;  // 0: no adapter
  std::int64_t parameters = 0, base_parameters = 0;
  std::string machine;               // "AMD EPYC, avx512, 1 thread"
  std::vector<double> milliseconds;  // by round
  std::vector<double> log2_ratios;   // to the base's pass of the same round
};

// Of one sweep, by batch, length, variant and bottleneck.
std::vector<LatencySeries> latency_series(ResultsReader& results, const std::string& sweep);

// The mean of a series' ratios with a Student's t over rounds. The two passes of a round stand in
// it among those of all variants, in an order that is drawn, so what disturbs the machine falls on
// either of them alike: the logarithms of their ratio lie evenly about that of the costs, and what
// hits one pass alone, or drifts between them, widens the interval, moving it in no direction. A
// signed-rank test would bear such passes better, but tests a median, which says nothing of what a
// thousand passes cost.
Estimate latency_estimate(const std::vector<double>& log2_ratios);

// Every variant of every sweep, as tables and figures show it.
std::vector<LatencyFinding> latency_findings(Evidence& evidence);

}  // namespace rankscope
