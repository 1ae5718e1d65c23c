#include "engine/backend/cuda/device_allocator.h"

#include <string>

#include "common/error.h"

namespace rankscope::RANKSCOPE_CUDA {

namespace {

constexpr size_t kAlignment = 256;

size_t rounded(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

void* DeviceAllocator::acquire(size_t bytes) {
  const size_t block = rounded(bytes);
  const std::lock_guard lock(mutex_);
  const size_t offset = heap_.acquire(block);
  if (!arena_->commit(heap_.end())) {
    const size_t held = heap_.in_use() - block;
    heap_.release(offset, block);
    heap_.end_at(arena_->committed());
    throw OutOfGpuMemory(
        "out of GPU memory: " + std::to_string(bytes >> 20) + " MiB more than the " +
        std::to_string(held >> 20) +
        " MiB in use do not fit; in training use a smaller micro_batch_tokens or shorter examples, "
        "in decoding fewer prompts --in-flight or beams; or precision bf16, or a GPU with more "
        "memory");
  }
  return arena_->base() + offset;
}

void DeviceAllocator::release(void* pointer, size_t bytes) noexcept {
  const std::lock_guard lock(mutex_);
  const char* const begin = static_cast<char*>(pointer);
  const auto first = watched_.lower_bound(begin), last = watched_.lower_bound(begin + bytes);
  if (first != last) {
    watched_.erase(first, last);
    ++watched_releases_;
  }
  heap_.release(static_cast<size_t>(begin - arena_->base()), rounded(bytes));
}

void DeviceAllocator::watch(const void* address) {
  const std::lock_guard lock(mutex_);
  watched_.insert(static_cast<const char*>(address));
}

int64_t DeviceAllocator::watched_releases() const {
  const std::lock_guard lock(mutex_);
  return watched_releases_;
}

size_t DeviceAllocator::most_in_use() const {
  const std::lock_guard lock(mutex_);
  return heap_.most_in_use();
}

void DeviceAllocator::restart_most() {
  const std::lock_guard lock(mutex_);
  heap_.restart_most();
}

}  // namespace rankscope::RANKSCOPE_CUDA
