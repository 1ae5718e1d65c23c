#include "engine/backend/cpu/memory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <string>

#include "common/error.h"

namespace rankscope::cpu {

namespace {

constexpr size_t kAlignment = 64;
// Address space, not memory. Larger than any machine this runs on.
constexpr size_t kReserve = size_t{1} << 42;
// Sanitizers watch the system's allocator only: under them every tensor is a block of its own.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kUseSystem = true;
#else
constexpr bool kUseSystem = false;
#endif

size_t rounded(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

[[noreturn]] void out_of_memory(size_t bytes) {
  throw MachineError("out of memory: a tensor of " + std::to_string(bytes) +
                     " bytes does not fit; use a smaller micro_batch_tokens or a machine with more "
                     "memory");
}

}  // namespace

CachingAllocator::CachingAllocator() {
  if (kUseSystem) return;
  for (reserved_ = kReserve; reserved_ >= (size_t{1} << 30); reserved_ /= 2) {
    void* p = mmap(nullptr, reserved_, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) continue;
    reserve_ = static_cast<char*>(p);
    madvise(p, reserved_, MADV_HUGEPAGE);
    return;
  }
  reserved_ = 0;
  throw MachineError("cannot reserve address space for tensors; raise the limit (ulimit -v)");
}

CachingAllocator::~CachingAllocator() {
  if (reserve_) munmap(reserve_, reserved_);
}

void CachingAllocator::insert_free(size_t offset, size_t bytes) {
  free_by_offset_.emplace(offset, bytes);
  free_by_size_.emplace(bytes, offset);
}

void CachingAllocator::erase_free(std::map<size_t, size_t>::iterator it) {
  free_by_size_.erase({it->second, it->first});
  free_by_offset_.erase(it);
}

void* CachingAllocator::acquire(size_t bytes) {
  bytes = rounded(bytes);
  if (kUseSystem) {
    void* p = std::aligned_alloc(kAlignment, bytes);
    if (!p) out_of_memory(bytes);
    return p;
  }
  const std::lock_guard lock(mutex_);
  if (auto fit = free_by_size_.lower_bound({bytes, 0}); fit != free_by_size_.end()) {
    const auto [size, offset] = *fit;
    erase_free(free_by_offset_.find(offset));
    if (size > bytes) insert_free(offset + bytes, size - bytes);
    return reserve_ + offset;
  }
  // Grow, taking a free block at the end along.
  size_t offset = used_;
  if (!free_by_offset_.empty()) {
    auto last = std::prev(free_by_offset_.end());
    if (last->first + last->second == used_) {
      offset = last->first;
      erase_free(last);
    }
  }
  if (offset + bytes > reserved_) out_of_memory(bytes);
  used_ = offset + bytes;
  return reserve_ + offset;
}

void CachingAllocator::release(void* pointer, size_t bytes) noexcept {
  bytes = rounded(bytes);
  if (kUseSystem) return std::free(pointer);
  const std::lock_guard lock(mutex_);
  size_t offset = static_cast<size_t>(static_cast<char*>(pointer) - reserve_);
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

}  // namespace rankscope::cpu
