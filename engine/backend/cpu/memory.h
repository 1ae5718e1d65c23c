// The CPU backend's allocator: activations come and go with every micro-batch, and getting their
// pages from the system each time costs more than using them (first touch of 1 GiB: 0.2 s). Freed
// blocks are kept and handed out again, best fit first, neighbours merged.
#pragma once

#include <map>
#include <mutex>
#include <set>

#include "engine/tensor/tensor.h"

namespace rankscope::cpu {

class CachingAllocator final : public Allocator {
 public:
  CachingAllocator();
  ~CachingAllocator() override;
  void* acquire(size_t bytes) override;
  void release(void* pointer, size_t bytes) noexcept override;

 private:
  char* reserve_ = nullptr;   // address space; pages are touched as they are first used
  size_t reserved_ = 0;
  size_t used_ = 0;           // bytes of the reservation handed out at least once
  std::mutex mutex_;
  std::map<size_t, size_t> free_by_offset_;             // offset -> bytes
  std::set<std::pair<size_t, size_t>> free_by_size_;    // (bytes, offset)

  void insert_free(size_t offset, size_t bytes);
  void erase_free(std::map<size_t, size_t>::iterator it);
};

}  // namespace rankscope::cpu
