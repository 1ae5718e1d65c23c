// KvCache: keys and values of tokens that were computed, kept for the tokens that follow them. They
// lie in pages of kPageTokens positions, which sequences with a common beginning share.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/models/config.h"

namespace rankscope {

// The kept positions of one sequence. Moved, or forked and released through its cache; never
// copied.
struct CachedSequence {
  std::vector<int32_t> pages;
  int64_t tokens = 0;

  CachedSequence() = default;
  CachedSequence(CachedSequence&&) = default;
  CachedSequence& operator=(CachedSequence&&) = default;
  CachedSequence(const CachedSequence&) = delete;
  CachedSequence& operator=(const CachedSequence&) = delete;
};

class KvCache {
 public:
  // Room for `pages` pages in every layer. Memory is touched as pages are first used.
  KvCache(const ModelConfig& config, Backend& backend, int64_t pages);

  static int64_t pages_for(int64_t tokens) { return (tokens + kPageTokens - 1) / kPageTokens; }
  int64_t free_pages() const { return static_cast<int64_t>(free_.size()); }

  // An empty sequence's first `tokens` are those of `from`, which has as many, and so are its pages
  // as far as they are full of them. Returns how many tokens that are.
  int64_t share(CachedSequence& sequence, const CachedSequence& from, int64_t tokens);
  // Makes room for `tokens` more tokens of the sequence and appends their slots, in order. In the
  // place of a last page that is shared the sequence gets a copy of its own. Throws
  // std::logic_error where the pages do not suffice.
  void extend(CachedSequence& sequence, int64_t tokens, std::vector<int32_t>& slots);
  // Makes the copies that extend() promised. Due before keys and values are stored in the slots.
  void copy_shared_pages();
  // A second sequence with the same tokens.
  CachedSequence fork(const CachedSequence& sequence);
  void release(CachedSequence& sequence);

  KeyValuePages layer(int layer) const;

 private:
  int32_t take_page();
  void drop_page(int32_t page);
  void use_again(const std::vector<int32_t>& pages);

  Backend& backend_;
  std::vector<Tensor> keys_, values_;  // [layers]
  std::vector<int32_t> users_;         // of each page
  std::vector<int32_t> free_;
  Indices copy_from_, copy_to_;  // due
};

// How the rows of a batch use a cache. Rows [0, fresh_rows) are whole sequences that begin here:
// they see one another as the batch's layouts say. The rows behind them continue kept sequences.
struct CacheRows {
  KvCache& cache;
  Indices slots;  // [rows of keys]: where each row's key and value are stored; kKept: they are
  int64_t fresh_rows = 0;
  int64_t fresh_loss_rows = 0;
  PagedLayout continued;       // rows from fresh_rows on
  PagedLayout continued_loss;  // loss rows from fresh_loss_rows on
};

}  // namespace rankscope
