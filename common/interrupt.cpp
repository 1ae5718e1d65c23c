#include "common/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>

#include "common/error.h"

namespace rankscope {
namespace {

std::atomic<bool> stop{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler writes it");

extern "C" void on_stop_signal(int) {
  if (stop.exchange(true)) _exit(130);
}

}  // namespace

void install_signal_handlers() {
  struct sigaction action {};
  action.sa_handler = on_stop_signal;
  sigemptyset(&action.sa_mask);
  // System calls that were waiting go on: the stop is noticed between units of work.
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGXFSZ, &ignore, nullptr);
}

bool stop_requested() { return stop.load(std::memory_order_relaxed); }

void throw_if_stop_requested() {
  if (stop_requested()) {
    throw Interrupted("interrupted; the same command continues where this one stopped");
  }
}

void request_stop() { stop.store(true); }

void clear_stop_request() { stop.store(false); }

}  // namespace rankscope
