// A pool that runs numbered tasks. Which thread runs which task is in part left to chance, so
// nothing that a task computes may depend on it: every output element belongs to one task.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace rankscope::cpu {

// Which tasks a thread takes first; all take what is left.
enum class TaskOrder {
  // Its own share of consecutive tasks. Where tasks are rows, a thread finds in its caches what it
  // wrote there in the job before: another core's cache is as far as memory on some machines.
  kShares,
  // The next that nobody has: for tasks of unequal size, the largest first.
  kQueue,
};

class ThreadPool {
 public:
  // threads >= 1, the caller's own included. Throws MachineError where the system starts fewer.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // The number of this thread, where it is inside a task of this pool; else -1.
  int thread_inside() const;

  // task(index, thread) for index in [0, count), thread in [0, threads()). Returns when all are
  // done. Tasks must not throw. What a task runs in its turn is done by its thread alone.
  template <typename Task>
  void run(int64_t count, const Task& task, TaskOrder order = TaskOrder::kShares) {
    run_erased(
        count, order,
        [](const void* context, int64_t index, int thread) {
          (*static_cast<const Task*>(context))(index, thread);
        },
        &task);
  }

 private:
  using Function = void (*)(const void* context, int64_t index, int thread);
  void run_erased(int64_t count, TaskOrder order, Function function, const void* context);
  void work(int thread);
  void stop();
  void drain(uint32_t generation, int thread);
  void drain_share(size_t share, uint32_t generation, int thread);

  // The tasks [share's begin, end) of a job: (generation << 32 | next index).
  struct alignas(64) Share {
    std::atomic<uint64_t> ticket{0};
    std::atomic<int64_t> end{0};
  };

  // One job at a time. It is over when its tasks are: a worker that the system does not run just
  // then, because another process has its processor, is not waited for. Such a worker may look at
  // the job's fields while they are being written for the next, so that a task is its own only
  // once its share's ticket has been moved on from what it saw before it read them.
  std::vector<Share> shares_;  // a thread's each
  alignas(64) std::atomic<Function> function_{nullptr};
  std::atomic<const void*> context_{nullptr};
  alignas(64) std::atomic<int64_t> finished_{0};
  alignas(64) std::atomic<uint32_t> generation_{0};  // what idle workers wait on
  std::atomic<bool> stop_{false};
  std::vector<std::thread> workers_;
};

// Processors that this process may run on.
int available_processors();

}  // namespace rankscope::cpu
