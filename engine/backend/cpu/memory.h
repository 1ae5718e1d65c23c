// The CPU backend's allocator: activations come and go with every micro-batch, and getting their
// pages from the system each time costs more than using them (first touch of 1 GiB: 0.2 s). Freed
// blocks are kept and handed out again.
#pragma once

#include <mutex>

#include "engine/backend/block_heap.h"
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
  std::mutex mutex_;
  BlockHeap heap_;
};

}  // namespace rankscope::cpu
