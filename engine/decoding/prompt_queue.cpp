#include "engine/decoding/prompt_queue.h"

#include <algorithm>
#include <functional>

#include "engine/decoding/segments.h"

namespace rankscope {

namespace {

// Pages that one prompt can come to hold: those of the prompt are shared by the beams but for the
// last, and each beam may hold a copy of a page while its parent still holds the original.
int64_t pages_of(int64_t prompt_tokens, const DecodingSettings& settings) {
  if (settings.beams == 1) return KvCache::pages_for(prompt_tokens + settings.max_new);
  return KvCache::pages_for(prompt_tokens) +
         settings.beams * (KvCache::pages_for(settings.max_new) + 2);
}

}  // namespace

std::vector<size_t> PromptQueue::take(int64_t room, int64_t most) {
  const std::lock_guard lock(mutex_);
  std::vector<size_t> taken;
  int64_t tokens = 0;
  const int64_t left = std::ssize(prompts_) - static_cast<int64_t>(next_);
  most = std::clamp(left / (2 * lanes_ - 1), room, most);
  while (next_ < prompts_.size() && std::ssize(taken) < most) {
    const std::span<const int32_t> before =
        taken.empty() ? std::span<const int32_t>() : prompts_[next_ - 1];
    const int64_t counted = special_ + counted_tokens(prompts_[next_], before);
    if (tokens > 0 && tokens + counted > most_tokens_) break;
    tokens += counted;
    taken.push_back(next_++);
  }
  return taken;
}

// What `in_flight` can hold while they are continued, and the prompts alone of as many that were
// computed ahead: of those one is held whole at most, and of the others together most_tokens and
// two pages each that are not full.
int64_t PromptQueue::pages_needed(const DecodingSettings& settings, int64_t in_flight) const {
  std::vector<int64_t> tokens;
  for (const std::vector<int32_t>& prompt : prompts_)
    tokens.push_back(std::ssize(prompt) + special_);
  std::ranges::sort(tokens, std::greater<>());
  tokens.resize(std::min(tokens.size(), static_cast<size_t>(in_flight)));
  int64_t continued = 0, ahead = 0;
  for (const int64_t each : tokens) {
    continued += pages_of(each, settings);
    ahead += KvCache::pages_for(each);
  }
  return continued + std::min(ahead, KvCache::pages_for(tokens.front()) +
                                         KvCache::pages_for(most_tokens_) + 2 * in_flight);
}

}  // namespace rankscope
