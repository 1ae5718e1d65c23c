// Segments: rows of several sequences computed in one forward pass, their keys and values kept.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/methods/method.h"
#include "engine/models/kv_cache.h"
#include "engine/models/model.h"

namespace rankscope {

// Tokens that follow what is kept of a sequence. The hidden states of its last `wanted` rows are
// given back.
struct Segment {
  CachedSequence* sequence = nullptr;
  std::span<const int32_t> tokens;  // at least one
  int64_t wanted = 1;
};

// Tokens of an empty sequence as the memory of a pass counts them, where `before` (empty: nothing)
// is the one before it: those with which both begin have keys and values alone, an eighth of what a
// row has.
int64_t counted_tokens(std::span<const int32_t> tokens, std::span<const int32_t> before);

// Segments with their places in a cache. Tokens with which one of an empty sequence and the one
// before it begin are computed once. Several may be made of one cache; its shared pages are due
// to be copied between making them and running them.
class SegmentPass {
 public:
  // Segments of empty sequences come first (std::logic_error).
  SegmentPass(KvCache& cache, std::span<const Segment> segments);
  // Hidden states after the final norm, [sum of wanted, width], in the order of the segments. Null
  // adaptation: the base alone (or a merged adapter). A row's bits depend on its own sequence only,
  // and on which of its tokens came in one segment.
  Tensor run(const Model& model, const Adaptation* adaptation) const;

 private:
  std::unique_ptr<const CacheRows> rows_;
  Batch batch_;
};

// One pass of all segments.
Tensor run_segments(const Model& model, const Adaptation* adaptation, KvCache& cache,
                    std::span<const Segment> segments);

}  // namespace rankscope
