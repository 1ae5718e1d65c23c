// The prompts that wait to be continued, and the pages of keys and values that they come to need.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "engine/decoding/search.h"

namespace rankscope {

// Shared by the lanes that continue them, each of which takes some at a time, in their order.
class PromptQueue {
 public:
  // Prompts have `special` tokens each besides their own. They must outlive this.
  PromptQueue(std::span<const std::vector<int32_t>> prompts, int64_t special, int64_t most_tokens,
              int64_t lanes)
      : prompts_(prompts), special_(special), most_tokens_(most_tokens), lanes_(lanes) {}

  // Up to `most` of them, whose tokens can be computed together; at least one where one is left.
  // Beyond `room` of them no more than leaves the other lanes as much, so that all end together.
  std::vector<size_t> take(int64_t room, int64_t most);

  // Pages for a lane that continues `in_flight` prompts at a time.
  int64_t pages_needed(const DecodingSettings& settings, int64_t in_flight) const;

 private:
  std::span<const std::vector<int32_t>> prompts_;
  int64_t special_, most_tokens_, lanes_;
  std::mutex mutex_;
  size_t next_ = 0;
};

}  // namespace rankscope
