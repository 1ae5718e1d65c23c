#include "engine/backend/block_heap.h"

#include <algorithm>
#include <iterator>

namespace rankscope {

void BlockHeap::insert_free(size_t offset, size_t bytes) {
  free_by_offset_.emplace(offset, bytes);
  free_by_size_.emplace(bytes, offset);
}

void BlockHeap::erase_free(std::map<size_t, size_t>::iterator it) {
  free_by_size_.erase({it->second, it->first});
  free_by_offset_.erase(it);
}

size_t BlockHeap::acquire(size_t bytes) {
  in_use_ += bytes;
  most_in_use_ = std::max(most_in_use_, in_use_);
  if (auto fit = free_by_size_.lower_bound({bytes, 0}); fit != free_by_size_.end()) {
    const auto [size, offset] = *fit;
    erase_free(free_by_offset_.find(offset));
    if (size > bytes) insert_free(offset + bytes, size - bytes);
    return offset;
  }
  // Grow, taking a free block at the end along.
  size_t offset = end_;
  if (!free_by_offset_.empty()) {
    auto last = std::prev(free_by_offset_.end());
    if (last->first + last->second == end_) {
      offset = last->first;
      erase_free(last);
    }
  }
  end_ = offset + bytes;
  return offset;
}

void BlockHeap::release(size_t offset, size_t bytes) {
  in_use_ -= bytes;
  auto next = free_by_offset_.lower_bound(offset);
  if (next != free_by_offset_.end() && offset + bytes == next->first) {
    bytes += next->second;
    auto merged = next++;
    erase_free(merged);
  }
  if (next != free_by_offset_.begin()) {
    auto previous = std::prev(next);
    if (previous->first + previous->second == offset) {
      offset = previous->first;
      bytes += previous->second;
      erase_free(previous);
    }
  }
  insert_free(offset, bytes);
}

void BlockHeap::end_at(size_t end) {
  if (end_ <= end) return;
  const auto last = std::prev(free_by_offset_.end());
  const size_t offset = last->first;
  erase_free(last);
  if (offset < end) insert_free(offset, end - offset);
  end_ = end;
}

}  // namespace rankscope
