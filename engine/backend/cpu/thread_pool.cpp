#include "engine/backend/cpu/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <exception>
#include <string>
#include <utility>

#include "common/error.h"

namespace rankscope::cpu {

namespace {

// Spins before sleeping. A training step issues a job every few hundred microseconds: waking a
// sleeping thread would cost a tenth of it, spinning through the gaps costs nothing that others
// could use for long.
constexpr int kSpins = 20000;

// The pool whose task this thread is in, and its number there.
struct Inside {
  const ThreadPool* pool = nullptr;
  int thread = 0;
};
thread_local Inside inside;

// An index that no job reaches.
constexpr uint64_t kNoTask = 0xFFFFFFFF;

void pause_briefly() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

int available_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    const int count = CPU_COUNT(&set);
    if (count > 0) return count;
  }
  return 1;
}

ThreadPool::ThreadPool(int threads) : shares_(static_cast<size_t>(threads)) {
  workers_.reserve(shares_.size());
  try {
    for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
  } catch (const std::exception& error) {
    const auto next = workers_.size() + 2;
    stop();
    throw MachineError("cannot start thread " + std::to_string(next) + " of " +
                       std::to_string(threads) + ": " + error.what() + "; give fewer --threads");
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() {
  stop_.store(true);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

int ThreadPool::thread_inside() const { return inside.pool == this ? inside.thread : -1; }

void ThreadPool::drain_share(size_t share, uint32_t generation, int thread) {
  std::atomic<uint64_t>& next = shares_[share].ticket;
  for (uint64_t ticket = next.load(std::memory_order_acquire); ticket >> 32 == generation;) {
    const auto index = static_cast<int64_t>(ticket & kNoTask);
    const int64_t end = shares_[share].end.load(std::memory_order_acquire);
    const Function function = function_.load(std::memory_order_acquire);
    const void* context = context_.load(std::memory_order_acquire);
    if (index >= end) break;
    if (!next.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel,
                                    std::memory_order_acquire))
      continue;
    function(context, index, thread);
    finished_.fetch_add(1, std::memory_order_release);
    ticket = next.load(std::memory_order_acquire);
  }
}

void ThreadPool::drain(uint32_t generation, int thread) {
  const Inside before = std::exchange(inside, {this, thread});
  const size_t threads = shares_.size();
  for (size_t i = 0; i < threads; ++i)
    drain_share((static_cast<size_t>(thread) + i) % threads, generation, thread);
  inside = before;
}

void ThreadPool::run_erased(int64_t count, TaskOrder order, Function function,
                            const void* context) {
  if (count <= 0) return;
  const bool nested = inside.pool == this;
  if (workers_.empty() || count == 1 || nested) {
    for (int64_t i = 0; i < count; ++i) function(context, i, nested ? inside.thread : 0);
    return;
  }
  const uint32_t generation = generation_.load(std::memory_order_relaxed) + 1;
  // No task can be claimed while the fields change.
  for (Share& share : shares_)
    share.ticket.store(uint64_t{generation} << 32 | kNoTask, std::memory_order_seq_cst);
  function_.store(function, std::memory_order_release);
  context_.store(context, std::memory_order_release);
  finished_.store(0, std::memory_order_relaxed);
  const int64_t shares = order == TaskOrder::kQueue ? 1 : threads();
  int64_t begin = 0;
  for (int64_t i = 0; i < threads(); ++i) {
    Share& share = shares_[static_cast<size_t>(i)];
    const int64_t end = count * std::min(i + 1, shares) / shares;
    share.end.store(end, std::memory_order_release);
    share.ticket.store(uint64_t{generation} << 32 | static_cast<uint64_t>(begin),
                       std::memory_order_release);
    begin = end;
  }
  generation_.store(generation, std::memory_order_release);
  generation_.notify_all();
  drain(generation, 0);
  for (int spins = 0; finished_.load(std::memory_order_acquire) != count; ++spins) {
    if (spins < kSpins)
      pause_briefly();
    else
      sched_yield();
  }
}

void ThreadPool::work(int thread) {
  uint32_t seen = 0;
  for (;;) {
    for (int spins = 0; generation_.load(std::memory_order_acquire) == seen; ++spins) {
      if (spins < kSpins)
        pause_briefly();
      else
        generation_.wait(seen, std::memory_order_acquire);
    }
    seen = generation_.load(std::memory_order_acquire);
    if (stop_.load()) return;
    drain(seen, thread);
  }
}

}  // namespace rankscope::cpu
