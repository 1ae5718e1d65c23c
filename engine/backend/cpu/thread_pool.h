// A pool that runs numbered tasks. Which thread runs which task is left to chance, so nothing that a
// task computes may depend on it: every output element belongs to one task.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace rankscope::cpu {

class ThreadPool {
 public:
  // threads >= 1, the caller's own included.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // task(index, thread) for index in [0, count), thread in [0, threads()). Returns when all are
  // done. Tasks must not throw and must not call run.
  template <typename Task>
  void run(int64_t count, const Task& task) {
    run_erased(count, [](const void* context, int64_t index, int thread) {
      (*static_cast<const Task*>(context))(index, thread);
    }, &task);
  }

 private:
  using Function = void (*)(const void* context, int64_t index, int thread);
  void run_erased(int64_t count, Function function, const void* context);
  void work(int thread);
  void drain(int thread);

  // One job at a time: published by `generation_`, finished when `active_` is back at zero.
  Function function_ = nullptr;
  const void* context_ = nullptr;
  int64_t count_ = 0;
  alignas(64) std::atomic<int64_t> next_{0};
  alignas(64) std::atomic<uint32_t> generation_{0};
  alignas(64) std::atomic<int> active_{0};
  std::atomic<bool> stop_{false};
  std::vector<std::thread> workers_;
};

// Processors that this process may run on.
int available_processors();

}  // namespace rankscope::cpu
