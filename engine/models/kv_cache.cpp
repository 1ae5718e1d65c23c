#include "engine/models/kv_cache.h"

#include <numeric>
#include <stdexcept>

namespace rankscope {

KvCache::KvCache(const ModelConfig& config, Backend& backend, int64_t pages)
    : backend_(backend), users_(static_cast<size_t>(pages)), free_(static_cast<size_t>(pages)) {
  const int64_t floats = config.kv_heads * config.head_dim * kPageTokens;
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    keys_.push_back(backend.empty(pages, floats));
    values_.push_back(backend.empty(pages, floats));
  }
  // Taken from the end: the lowest first.
  std::iota(free_.rbegin(), free_.rend(), 0);
}

int32_t KvCache::take_page() {
  if (free_.empty()) throw std::logic_error("the key-value cache has no page left");
  const int32_t page = free_.back();
  free_.pop_back();
  users_[static_cast<size_t>(page)] = 1;
  return page;
}

void KvCache::drop_page(int32_t page) {
  if (--users_[static_cast<size_t>(page)] == 0) free_.push_back(page);
}

void KvCache::use_again(const std::vector<int32_t>& pages) {
  for (const int32_t page : pages) ++users_[static_cast<size_t>(page)];
}

int64_t KvCache::share(CachedSequence& sequence, const CachedSequence& from, int64_t tokens) {
  if (sequence.tokens > 0 || from.tokens < tokens)
    throw std::logic_error("only an empty sequence can begin as a longer one does");
  const int64_t full = tokens / kPageTokens;
  sequence.pages.assign(from.pages.begin(), from.pages.begin() + full);
  sequence.tokens = full * kPageTokens;
  use_again(sequence.pages);
  return sequence.tokens;
}

void KvCache::extend(CachedSequence& sequence, int64_t tokens, std::vector<int32_t>& slots) {
  if (sequence.tokens % kPageTokens != 0 && tokens > 0) {
    int32_t& last = sequence.pages.back();
    if (users_[static_cast<size_t>(last)] > 1) {
      const int32_t own = take_page();
      copy_from_.push_back(last);
      copy_to_.push_back(own);
      drop_page(last);
      last = own;
    }
  }
  for (int64_t i = 0; i < tokens; ++i) {
    const int64_t offset = sequence.tokens % kPageTokens;
    if (offset == 0) sequence.pages.push_back(take_page());
    slots.push_back(static_cast<int32_t>(sequence.pages.back() * kPageTokens + offset));
    ++sequence.tokens;
  }
}

void KvCache::copy_shared_pages() {
  if (copy_from_.empty()) return;
  for (size_t layer = 0; layer < keys_.size(); ++layer) {
    backend_.copy_rows(copy_from_, copy_to_, keys_[layer].matrix());
    backend_.copy_rows(copy_from_, copy_to_, values_[layer].matrix());
  }
  copy_from_ = {};
  copy_to_ = {};
}

CachedSequence KvCache::fork(const CachedSequence& sequence) {
  CachedSequence copy;
  copy.pages = sequence.pages;
  copy.tokens = sequence.tokens;
  use_again(copy.pages);
  return copy;
}

void KvCache::release(CachedSequence& sequence) {
  for (const int32_t page : sequence.pages) drop_page(page);
  sequence = {};
}

KeyValuePages KvCache::layer(int layer) const {
  const size_t at = static_cast<size_t>(layer);
  return {keys_[at].matrix(), values_[at].matrix()};
}

}  // namespace rankscope
