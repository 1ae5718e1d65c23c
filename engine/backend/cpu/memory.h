// The CPU backend's allocator: activations come and go with every micro-batch, and getting their
// pages from the system each time costs more than using them (first touch of 1 GiB: 0.2 s). Freed
// blocks are kept and handed out again.
#pragma once

#include <mutex>
#include <utility>
#include <vector>

#include "engine/backend/block_heap.h"
#include "engine/backend/cpu/thread_pool.h"
#include "engine/tensor/tensor.h"

namespace rankscope::cpu {

class CachingAllocator final : public Allocator {
 public:
  // Of a backend whose tasks run in this pool.
  explicit CachingAllocator(const ThreadPool& pool);
  ~CachingAllocator() override;
  void* acquire(size_t bytes) override;
  void release(void* pointer, size_t bytes) noexcept override;
  // Due when a pool's job in which tensors were made is over: what its threads kept is everybody's.
  void gather();

 private:
  // Blocks that a thread released inside a task. It takes them again without waiting for others, as
  // the sizes of a step are those of the step before.
  using Shelf = std::vector<std::pair<size_t, void*>>;  // bytes and block
  Shelf* shelf();
  void give_back(Shelf& shelf, size_t count);

  const ThreadPool& pool_;
  std::vector<Shelf> shelves_;  // of each thread
  char* reserve_ = nullptr;     // address space; pages are touched as they are first used
  size_t reserved_ = 0;
  std::mutex mutex_;
  BlockHeap heap_;
};

}  // namespace rankscope::cpu
