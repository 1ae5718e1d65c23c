// What training or running a model will need in memory, from its shape alone.
#pragma once

#include <algorithm>
#include <cstdint>

#include "common/dtype.h"
#include "engine/methods/method.h"
#include "engine/models/config.h"

namespace rankscope {

// Where a plan's model is computed. `precision` is that of frozen weights and activations on a GPU.
// The CPU computes in F32 alone and keeps frozen weights as they are `stored` (matrix_type()).
// `merged`: whether predictions are made by an adapter that is merged into the weights.
struct PlanTarget {
  bool gpu = false;
  DType precision = DType::kF32;
  DType stored = DType::kF32;
  bool merged = true;
};

// Bytes. An estimate from above; the program's own code and buffers come on top, and on a GPU what
// its driver takes for a process.
struct MemoryPlan {
  int64_t packed_weights = 0;  // sites and head as the products read them: on the CPU in both
                               // directions where gradients pass (a large model's in one form,
                               // ModelShape::packed_once), on a GPU once
  int64_t mapped_tables = 0;   // embedding rows in the mapped file, if all are touched; on a GPU
                               // the tables
  int64_t trained = 0;         // trained parameters, their gradients, two AdamW moments and what
                               // the method keeps beside them, in fp32; and the packed forms of
                               // those that are weights of its own
  int64_t activations = 0;     // of one micro-batch: kept for the backward pass, and in flight
  int64_t logits = 0;          // of the rows whose loss is computed at once
  // Of predictions by a merged adapter, on a GPU: what the adapted tensors take more, since they
  // are fp32 then and in bf16 lie beside it as they are multiplied by; and the adapter while it is
  // merged, and one layer's activations.
  int64_t merged = 0;
  int64_t predicting = 0;
  // Training and predictions come one after the other.
  int64_t total() const {
    return packed_weights + mapped_tables + logits +
           std::max(trained + activations, merged + predicting);
  }
};

// For micro-batches of up to `micro_batch_tokens` tokens, every one a target. An example of more
// tokens is a micro-batch of its own (split_by_tokens): who knows of one gives its tokens instead.
MemoryPlan plan_memory(const ModelShape& shape, const Method& method, int64_t micro_batch_tokens,
                       const PlanTarget& target = {});

// The largest micro_batch_tokens whose plan stays within `bytes`; 0 where none does.
int64_t largest_micro_batch(const ModelShape& shape, const Method& method, const PlanTarget& target,
                            int64_t bytes);

}  // namespace rankscope
