// Whether trials fit a GPU, by the memory plan of their training and predictions.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "engine/backend/devices.h"
#include "engine/models/memory_plan.h"
#include "experiments/sweep/coordinator.h"

namespace rankscope {

// Bytes.
struct GpuFit {
  std::int64_t needed = 0;               // of the GPU, for what the plan counts
  std::int64_t available = 0;            // for it
  std::int64_t micro_batch = 0;          // the trial's bound, in tokens
  std::int64_t longest_example = 0;      // in tokens, special_tokens included; 0: not known
  std::int64_t special_tokens = 0;       // of the method, in every example
  std::int64_t largest_micro_batch = 0;  // that fits; 0: none does
  std::int64_t largest_unmerged = 0;     // that fits where score.merged is false
  std::int64_t merged = 0;               // what merging the adapter for predictions takes
  bool narrow = false;                   // the trial is in bf16
  bool fits() const { return needed <= available; }
  // Whether it is an example longer than the bound, which none splits, that sets the memory.
  bool example_sets_memory() const { return longest_example > micro_batch; }
};

// Of the trial in its own precision and micro-batches.
MemoryPlan gpu_plan(const Trial& trial, const ModelShape& shape);

// `longest_example`: the tokens of the longest training example that is known, special tokens
// included; 0: none is.
GpuFit gpu_fit(const Trial& trial, const ModelShape& shape, std::int64_t available,
               std::int64_t longest_example = 0);

// What is there for the plan of one process that has the GPU to itself.
std::int64_t plan_memory_of(const GpuInfo& gpu);
// And for each of the run's workers, on the smallest of the machine's GPUs that they use.
std::int64_t plan_memory_of_worker(const RunOptions& options, std::span<const GpuInfo> gpus);

// What to do about a trial that does not fit: "micro_batch_tokens=512 fits"; where an example alone
// is too long, the task's max_tokens.
std::string advice(const GpuFit& fit);

// What a trial is refused with that ran out of it. The bound of the micro-batches and the task's
// max_tokens name the trial, so they are for people to change.
std::string training_refusal(const std::string& error, const GpuFit& fit);
std::string evaluation_refusal(const std::string& error, const GpuFit& fit);

}  // namespace rankscope
