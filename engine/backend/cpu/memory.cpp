#include "engine/backend/cpu/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
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

// Blocks of a shelf: more than the tensors of a forward pass have sizes.
constexpr size_t kShelved = 64;

size_t rounded(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

[[noreturn]] void out_of_memory(size_t bytes) {
  throw MachineError(
      "out of memory: a tensor of " + std::to_string(bytes) +
      " bytes does not fit; in training use a smaller micro_batch_tokens or shorter examples, in "
      "decoding fewer prompts --in-flight or beams; or a machine with more memory");
}

}  // namespace

CachingAllocator::CachingAllocator(const ThreadPool& pool)
    : pool_(pool), shelves_(static_cast<size_t>(pool.threads())) {
  if (kUseSystem) return;
  for (Shelf& shelf : shelves_) shelf.reserve(kShelved);
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

CachingAllocator::Shelf* CachingAllocator::shelf() {
  const int thread = pool_.thread_inside();
  return thread < 0 ? nullptr : &shelves_[static_cast<size_t>(thread)];
}

// The oldest ones.
void CachingAllocator::give_back(Shelf& shelf, size_t count) {
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < count; ++i)
    heap_.release(static_cast<size_t>(static_cast<char*>(shelf[i].second) - reserve_),
                  shelf[i].first);
  shelf.erase(shelf.begin(), shelf.begin() + static_cast<std::ptrdiff_t>(count));
}

void CachingAllocator::gather() {
  for (Shelf& shelf : shelves_) give_back(shelf, shelf.size());
}

void* CachingAllocator::acquire(size_t bytes) {
  bytes = rounded(bytes);
  if (kUseSystem) {
    void* p = std::aligned_alloc(kAlignment, bytes);
    if (!p) out_of_memory(bytes);
    return p;
  }
  if (Shelf* own = shelf()) {
    // The latest is likeliest to lie in the cache.
    const auto found = std::find_if(own->rbegin(), own->rend(),
                                    [&](const auto& block) { return block.first == bytes; });
    if (found != own->rend()) {
      void* const block = found->second;
      own->erase(std::next(found).base());
      return block;
    }
  }
  const std::lock_guard lock(mutex_);
  const size_t offset = heap_.acquire(bytes);
  if (heap_.end() > reserved_) {
    heap_.release(offset, bytes);
    heap_.end_at(reserved_);
    out_of_memory(bytes);
  }
  return reserve_ + offset;
}

void CachingAllocator::release(void* pointer, size_t bytes) noexcept {
  bytes = rounded(bytes);
  if (kUseSystem) return std::free(pointer);
  if (Shelf* own = shelf()) {
    if (own->size() == kShelved) give_back(*own, kShelved / 2);
    own->emplace_back(bytes, pointer);
    return;
  }
  const std::lock_guard lock(mutex_);
  heap_.release(static_cast<size_t>(static_cast<char*>(pointer) - reserve_), bytes);
}

}  // namespace rankscope::cpu
