// Cosines and sines of the rotary positions (Su et al. 2021), with the scalings that LLaMA's
// configurations name.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/autograd/operations.h"
#include "engine/models/config.h"

namespace rankscope {

// 1 / theta^(2 i / head_dim) [head_dim / 2], scaled as the type says: linear divides by the factor;
// llama3 divides the long wavelengths, keeps the short and blends between (transformers,
// modeling_rope_utils.py). In fp32 throughout, as there.
std::vector<float> rotary_frequencies(const RotarySettings& settings, int64_t head_dim);

// Grows with the longest position asked for, since a context can be far longer than what is run.
// A table once given out stays where it is: backward passes refer to it. Threads may share it.
class RotaryTables {
 public:
  RotaryTables(const RotarySettings& settings, int64_t head_dim, int64_t context, Backend& backend);
  // A table that covers every position in `positions`.
  const RotaryTable& up_to(const std::shared_ptr<const Indices>& positions) const;

 private:
  std::vector<float> frequencies_;
  int64_t context_;
  Backend& backend_;
  mutable std::mutex growing_;
  mutable std::deque<RotaryTable> tables_;  // each at least twice as long as the one before
};

}  // namespace rankscope
