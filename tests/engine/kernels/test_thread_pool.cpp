// The pool of threads: each task is done once, whatever the order; a thread's own share comes
// first, and what a thread cannot come to is taken by others.
#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "engine/backend/cpu/thread_pool.h"

namespace rankscope::tests {
namespace {

using cpu::TaskOrder;
using cpu::ThreadPool;

// Waits for `count` to reach `wanted`; false where that never comes, so that a fault is a failure
// and no test that hangs.
bool comes_to(const std::atomic<int64_t>& count, int64_t wanted) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(10);
  while (count.load() < wanted) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

TEST_CASE("thread pool: every task of every job is done once") {
  for (const int threads : {1, 2, 3, 5}) {
    ThreadPool pool(threads);
    for (const TaskOrder order : {TaskOrder::kShares, TaskOrder::kQueue}) {
      for (int round = 0; round < 20; ++round) {
        for (const int64_t count : {0, 1, 2, 3, 4, 5, 6, 7, 64, 1001}) {
          std::vector<std::atomic<int>> done(static_cast<size_t>(count));
          pool.run(
              count,
              [&](int64_t i, int thread) {
                if (thread >= 0 && thread < threads) ++done[static_cast<size_t>(i)];
              },
              order);
          int64_t once = 0;
          for (const auto& times : done) once += times == 1;
          CHECK(once == count);
        }
      }
    }
  }
}

TEST_CASE("thread pool: a thread begins with its own share") {
  constexpr int kThreads = 4;
  ThreadPool pool(kThreads);
  std::atomic<int64_t> arrived = 0;
  std::vector<int> thread_of(kThreads, -1);
  // Nobody gets a second task before everybody has a first.
  pool.run(kThreads, [&](int64_t i, int thread) {
    ++arrived;
    if (comes_to(arrived, kThreads)) thread_of[static_cast<size_t>(i)] = thread;
  });
  CHECK(thread_of == std::vector<int>{0, 1, 2, 3});
}

TEST_CASE("thread pool: what a busy thread leaves of its share is done by the others") {
  constexpr int64_t kTasks = 30;
  ThreadPool pool(3);
  std::atomic<int64_t> done = 0;
  bool others_finished = false;
  pool.run(kTasks, [&](int64_t i, int) {
    if (i == 0) others_finished = comes_to(done, kTasks - 1);
    ++done;
  });
  CHECK(others_finished);
}

}  // namespace
}  // namespace rankscope::tests
