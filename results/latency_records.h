// What a latency measurement found, as the code that writes it sees it (results/SCHEMA.md).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace rankscope {

// One way to run the base in a cell: a timed pass in each round.
struct VariantLatencies {
  std::string variant;                          // base, lora_merged, lora, adapter_l, adapter_h
  std::int64_t bottleneck = 0;                  // 0: no adapter
  std::map<std::string, std::string> settings;  // of its method
  std::int64_t trainable_parameters = 0;
  std::vector<double> milliseconds;  // by round; all variants of a cell have as many
};

// All variants at one batch and length, timed in turn.
struct LatencyRecord {
  std::string sweep;
  std::int64_t batch = 0, length = 0;
  std::int64_t base_parameters = 0;
  std::map<std::string, std::string> environment;
  std::vector<VariantLatencies> variants;
};

}  // namespace rankscope
