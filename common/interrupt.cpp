#include "common/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>

#include "common/error.h"

namespace rankscope {
namespace {

std::atomic<bool> stop{false};
std::atomic<bool> asked_to_end{false};
std::atomic<bool> nothing_to_save{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler writes it");

std::atomic<bool> watched{false};  // somebody sits at standard error

std::array<std::atomic<pid_t>, 4096> children{};  // 0: none
static_assert(std::atomic<pid_t>::is_always_lock_free, "a signal handler reads it");

extern "C" void on_stop_signal(int) {
  if (asked_to_end.exchange(true) || nothing_to_save) {
    for (const std::atomic<pid_t>& child : children)
      if (const pid_t process = child; process > 0) kill(process, SIGKILL);
    _exit(130);
  }
  stop = true;
  if (!watched) return;
  constexpr char kNotice[] =
      "\nrankscope: stopping when what is under way is saved; once more stops at once\n";
  const int before = errno;
  if (write(STDERR_FILENO, kNotice, sizeof kNotice - 1) < 0) {  // then nobody reads it
  }
  errno = before;
}

// Comes twice where a terminal closes, from the system and from the shell, and after a SIGTERM from
// some service managers; a coordinator's request after the SIGTERM that both got, and again where
// it dies: never a second wish.
extern "C" void on_repeatable_request(int) {
  if (nothing_to_save) _exit(130);
  stop = true;
}

extern "C" void on_closed_output(int) { stop = true; }

void handle(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  // System calls that were waiting go on: the stop is noticed between units of work.
  action.sa_flags = SA_RESTART;
  sigaction(signal, &action, nullptr);
}

sigset_t stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, kStopRequest}) sigaddset(&signals, signal);
  return signals;
}

}  // namespace

void install_signal_handlers() {
  watched = isatty(STDERR_FILENO) == 1;
  handle(SIGINT, on_stop_signal);
  handle(SIGTERM, on_stop_signal);
  struct sigaction before {};
  if (sigaction(SIGHUP, nullptr, &before) == 0 && before.sa_handler != SIG_IGN)
    handle(SIGHUP, on_repeatable_request);
  handle(kStopRequest, on_repeatable_request);
  handle(SIGXFSZ, SIG_IGN);
  const sigset_t signals = stop_signals();
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

StopSignalsWait::StopSignalsWait() {
  const sigset_t signals = stop_signals();
  pthread_sigmask(SIG_BLOCK, &signals, &before_);
}

StopSignalsWait::~StopSignalsWait() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

void end_with_second_signal(pid_t child) {
  for (std::atomic<pid_t>& place : children)
    if (pid_t none = 0; place.compare_exchange_strong(none, child)) return;
}

void leave_alone(pid_t child) {
  for (std::atomic<pid_t>& place : children)
    if (pid_t found = child; place.compare_exchange_strong(found, 0)) return;
}

void exit_at_first_signal() {
  nothing_to_save = true;
  if (stop) _exit(130);  // it came before this call
}

void stop_when_output_closes() { handle(SIGPIPE, on_closed_output); }

bool stop_requested() { return stop.load(std::memory_order_relaxed); }

void throw_if_stop_requested(const char* message) {
  if (stop_requested()) throw Interrupted(message);
}

void request_stop() {
  stop.store(true);
  asked_to_end.store(true);
}

void clear_stop_request() {
  stop.store(false);
  asked_to_end.store(false);
}

}  // namespace rankscope
