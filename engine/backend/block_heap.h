// BlockHeap: which parts of an address range are in use. Activations come and go with every
// micro-batch; blocks that were freed are handed out again, best fit first, neighbours merged.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <utility>

namespace rankscope {

class BlockHeap {
 public:
  // The offset of a block of `bytes`, at the end of the range where no free block fits.
  size_t acquire(size_t bytes);
  void release(size_t offset, size_t bytes);
  // Ends the range at `end` at the latest, beyond which nothing may be in use: a block that the
  // range could not grow for is released, and its place is not handed out.
  void end_at(size_t end);
  // Where the range ends: behind all that was handed out, or was to be.
  size_t end() const { return end_; }
  size_t in_use() const { return in_use_; }
  size_t most_in_use() const { return most_in_use_; }
  // most_in_use() is of what follows.
  void restart_most() { most_in_use_ = in_use_; }

 private:
  void insert_free(size_t offset, size_t bytes);
  void erase_free(std::map<size_t, size_t>::iterator it);

  size_t end_ = 0;
  size_t in_use_ = 0;
  size_t most_in_use_ = 0;
  std::map<size_t, size_t> free_by_offset_;           // offset -> bytes
  std::set<std::pair<size_t, size_t>> free_by_size_;  // (bytes, offset)
};

}  // namespace rankscope
