// The allocator of a device's tensors: blocks of one arena. A block that is released is handed out
// again at once, which is right because all kernels of a backend run in one stream.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <set>

#include "engine/backend/block_heap.h"
#include "engine/backend/cuda/arena.h"
#include "engine/tensor/tensor.h"

namespace rankscope::RANKSCOPE_CUDA {

class DeviceAllocator final : public Allocator {
 public:
  DeviceAllocator() : arena_(make_arena()) {}
  // Aligned to 256 bytes. Throws OutOfGpuMemory where the GPU's memory does not suffice.
  void* acquire(size_t bytes) override;
  void release(void* pointer, size_t bytes) noexcept override;
  size_t most_in_use() const;
  void restart_most();
  // How often a block was released that holds an address that is watched, which ends with it.
  void watch(const void* address);
  int64_t watched_releases() const;

 private:
  std::unique_ptr<Arena> arena_;
  mutable std::mutex mutex_;
  BlockHeap heap_;
  std::set<const char*> watched_;
  int64_t watched_releases_ = 0;
};

}  // namespace rankscope::RANKSCOPE_CUDA
