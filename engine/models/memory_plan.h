// What training or running a model will need in memory, from its shape alone.
#pragma once

#include <cstdint>

#include "engine/methods/method.h"
#include "engine/models/config.h"

namespace rankscope {

// Bytes. An estimate from above for the CPU backend in fp32; the program's own code and buffers
// come on top.
struct MemoryPlan {
  int64_t packed_weights = 0;  // sites and head as the products read them; both directions where
                               // gradients pass
  int64_t mapped_tables = 0;   // embedding rows in the mapped file, if all are touched
  int64_t trained = 0;         // trained parameters, their gradients, two AdamW moments
  int64_t activations = 0;     // of one micro-batch: kept for the backward pass, and in flight
  int64_t logits = 0;          // of the rows whose loss is computed at once
  int64_t total() const { return packed_weights + mapped_tables + trained + activations + logits; }
};

// For micro-batches of up to `micro_batch_tokens` tokens, every one a target.
MemoryPlan plan_memory(const ModelShape& shape, const Method& method, int64_t micro_batch_tokens);

}  // namespace rankscope
