// Independent pieces of work on several threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <exception>
#include <functional>
#include <system_error>
#include <thread>
#include <vector>

namespace rankscope {

// Calls work(i) for each i below `count`, each on one of `threads` threads. What a piece yields
// must depend on i alone. Where the system starts fewer threads, these do all. The error of the
// first piece that failed is thrown when all are done.
inline void parallel_for(std::size_t count, int threads,
                         const std::function<void(std::size_t)>& work) {
  std::vector<std::exception_ptr> errors(count);
  std::atomic<std::size_t> next{0};
  const auto run = [&] {
    for (std::size_t i = next++; i < count; i = next++) {
      try {
        work(i);
      } catch (...) {
        errors[i] = std::current_exception();
      }
    }
  };
  std::vector<std::jthread> helpers;
  const std::size_t wanted =
      std::min<std::size_t>(static_cast<std::size_t>(std::max(threads, 1)), count);
  try {
    for (std::size_t i = 1; i < wanted; ++i) helpers.emplace_back(run);
  } catch (const std::system_error&) {
  }
  run();
  helpers.clear();
  for (const std::exception_ptr& error : errors)
    if (error) std::rethrow_exception(error);
}

}  // namespace rankscope
