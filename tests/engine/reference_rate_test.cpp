// The measure of the machine's own sgemm.
#include <catch2/catch.hpp>

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <thread>

#include "engine/backend/cpu/reference_rate.h"

using namespace rankscope;

namespace {

std::atomic<std::uintptr_t> stack_begin, stack_end;
std::atomic<int> on_its_stack, elsewhere;

extern "C" void note_the_stack(int) {
  const int here = 0;
  const auto address = reinterpret_cast<std::uintptr_t>(&here);
  ++(stack_begin <= address && address < stack_end ? on_its_stack : elsewhere);
}

}  // namespace

TEST_CASE("a signal finds no thread whose stack pointer a kernel of oneDNN's has borrowed") {
  pthread_attr_t attributes;
  REQUIRE(pthread_getattr_np(pthread_self(), &attributes) == 0);
  void* begin = nullptr;
  std::size_t size = 0;
  REQUIRE(pthread_attr_getstack(&attributes, &begin, &size) == 0);
  pthread_attr_destroy(&attributes);
  stack_begin = reinterpret_cast<std::uintptr_t>(begin);
  stack_end = stack_begin + size;
  on_its_stack = elsewhere = 0;
  struct sigaction action {
  }, before{};
  action.sa_handler = note_the_stack;
  action.sa_flags = SA_RESTART;
  REQUIRE(sigaction(SIGUSR1, &action, &before) == 0);
  const pthread_t self = pthread_self();
  std::atomic<bool> stop{false};
  std::thread sender([&] {
    do {
      pthread_kill(self, SIGUSR1);
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    } while (!stop);
  });
  while (on_its_stack + elsewhere == 0) std::this_thread::yield();  // until it has begun
  CHECK(reference_sgemm_gflops(1, 0.2) > 0);
  stop = true;
  sender.join();
  sigaction(SIGUSR1, &before, nullptr);
  CHECK(on_its_stack > 0);
  CHECK(elsewhere == 0);
}
