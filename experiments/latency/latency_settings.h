// What a sweep file asks to be timed: the paper's Table 1 and Figure 5 (SWEEP_FILE.md, `latency`).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/json.h"
#include "engine/models/config.h"

namespace rankscope {

class YamlValue;

struct LatencySettings {
  std::vector<std::int64_t> batches = {1};  // sequences of a pass
  std::vector<std::int64_t> lengths;        // tokens of each
  std::vector<std::int64_t> bottlenecks;    // r of both kinds of adapters
  std::int64_t rank = 4;                    // of LoRA
  std::string targets = "Wq+Wv";            // of LoRA
  std::int64_t rounds = 100;                // of a cell, at most
  std::int64_t tokens = 0;  // timed tokens of a variant in a cell, about; 0: no bound
  // Where it is timed. The machine is recorded, not asked for.
  int threads = 1;
  std::string device = "cpu", precision = "fp32";

  // A cell of many tokens needs fewer rounds for the same time, but never fewer than this: a
  // Student's t of less leaves wide intervals.
  static constexpr std::int64_t kFewestRounds = 10;
  std::int64_t rounds_of(std::int64_t batch, std::int64_t length) const;
};

// One way to run the base. The first of a list is the base itself.
struct LatencyVariant {
  std::string name;  // base, lora_merged, lora, adapter_l or adapter_h
  std::string method;
  std::map<std::string, std::string> settings = {};  // of the method
  std::int64_t bottleneck = 0;                       // of adapters; 0: no adapter, as in Figure 5
  bool merged = false;
};
std::vector<LatencyVariant> latency_variants(const LatencySettings& settings);

// The section of a sweep file. InputError with its place for what the base of this shape cannot do.
LatencySettings read_latency(const YamlValue& section, const ModelShape& shape);

OrderedJson latency_json(const LatencySettings& settings);
// InputError by `where` for anything that is not as latency_json writes it.
LatencySettings latency_from_json(const Json& json, const std::string& where);

}  // namespace rankscope
