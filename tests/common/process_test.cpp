// Signals, standard streams and messages.
#include <catch2/catch.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <vector>

#include "common/error.h"
#include "common/interrupt.h"
#include "common/log.h"
#include "common/standard_streams.h"

using namespace rankscope;

TEST_CASE("exit codes follow the kind of error") {
  CHECK(TrialFailed("x").exit_code() == 1);
  CHECK(InputError("x").exit_code() == 2);
  CHECK(MachineError("x").exit_code() == 3);
  CHECK(Interrupted("x").exit_code() == 130);
}

TEST_CASE("a stop is requested once and can be noticed") {
  clear_stop_request();
  CHECK_FALSE(stop_requested());
  CHECK_NOTHROW(throw_if_stop_requested());
  request_stop();
  CHECK(stop_requested());
  CHECK_THROWS_AS(throw_if_stop_requested(), Interrupted);
  clear_stop_request();
  CHECK_FALSE(stop_requested());
}

TEST_CASE("the first signal asks to stop, the second exits with 130") {
  for (const int signal_number : {SIGINT, SIGTERM}) {
    const pid_t child = fork();
    if (child == 0) {
      install_signal_handlers();
      clear_stop_request();
      raise(signal_number);
      if (!stop_requested()) _exit(1);
      raise(signal_number);
      _exit(2);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 130);
  }
}

namespace {

// How a child ends that does this and then returns 0.
int exit_code_of(const std::function<void()>& act) {
  const pid_t child = fork();
  if (child == 0) {
    clear_stop_request();
    act();
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void require_stop(bool expected) {
  if (stop_requested() != expected) _exit(1);
}

}  // namespace

TEST_CASE("a terminal that goes away asks to stop, however often") {
  CHECK(exit_code_of([] {
          install_signal_handlers();
          for (const int signal_number : {SIGHUP, SIGHUP, SIGTERM, SIGHUP}) raise(signal_number);
          require_stop(true);
        }) == 0);
  CHECK(exit_code_of([] {  // nohup
          ::signal(SIGHUP, SIG_IGN);
          install_signal_handlers();
          raise(SIGHUP);
          require_stop(false);
        }) == 0);
}

TEST_CASE("what a coordinator asks its workers is no second wish, in whatever order it comes") {
  for (const std::vector<int>& signals : {std::vector<int>{SIGTERM, kStopRequest, kStopRequest},
                                          {kStopRequest, kStopRequest, SIGTERM}}) {
    CHECK(exit_code_of([&] {
            install_signal_handlers();
            for (const int signal_number : signals) raise(signal_number);
            require_stop(true);
          }) == 0);
    CHECK(exit_code_of([&] {
            install_signal_handlers();
            for (const int signal_number : signals) raise(signal_number);
            raise(SIGINT);
          }) == 130);
  }
}

TEST_CASE("a process that is being started keeps the signals until it has handlers") {
  for (const int signal_number : {SIGINT, SIGTERM, kStopRequest})
    CHECK(exit_code_of([&] {
            for (const int one : {SIGINT, SIGTERM, kStopRequest}) ::signal(one, SIG_DFL);
            const StopSignalsWait wait;
            raise(signal_number);
            require_stop(false);
            install_signal_handlers();
            require_stop(true);
          }) == 0);
}

TEST_CASE("the second signal ends the children that are not left alone") {
  const auto idle = [] {
    const pid_t child = fork();
    if (child == 0)
      for (;;) pause();
    return child;
  };
  const pid_t ended = idle(), left = idle();
  CHECK(exit_code_of([&] {
          install_signal_handlers();
          for (const pid_t child : {ended, left}) end_with_second_signal(child);
          leave_alone(left);
          for (int i = 0; i < 2; ++i) raise(SIGINT);
        }) == 130);
  int status = 0;
  REQUIRE(waitpid(ended, &status, 0) == ended);
  CHECK(WIFSIGNALED(status));
  CHECK(waitpid(left, nullptr, WNOHANG) == 0);
  kill(left, SIGKILL);
  REQUIRE(waitpid(left, nullptr, 0) == left);
}

TEST_CASE("a command with nothing to save ends with the first signal") {
  for (const int signal_number : {SIGINT, SIGTERM, SIGHUP})
    CHECK(exit_code_of([&] {
            ::signal(SIGHUP, SIG_DFL);
            install_signal_handlers();
            exit_at_first_signal();
            raise(signal_number);
          }) == 130);
  CHECK(exit_code_of([] {
          install_signal_handlers();
          raise(SIGINT);
          exit_at_first_signal();
        }) == 130);
}

TEST_CASE("output that nobody reads asks to stop where that saves something") {
  CHECK(exit_code_of([] {
          ::signal(SIGPIPE, SIG_DFL);
          install_signal_handlers();
          raise(SIGPIPE);
        }) == 128 + SIGPIPE);
  CHECK(exit_code_of([] {
          install_signal_handlers();
          stop_when_output_closes();
          raise(SIGPIPE);
          raise(SIGPIPE);
          require_stop(true);
        }) == 0);
}

TEST_CASE("no file that is opened takes the place of a closed standard stream") {
  for (const std::vector<int>& closed : {std::vector<int>{0}, {1}, {2}, {1, 2}, {0, 1, 2}})
    CHECK(exit_code_of([&] {
            for (const int number : closed) ::close(number);
            open_closed_streams();
            if (::open("/dev/null", O_RDWR | O_CLOEXEC) <= STDERR_FILENO) _exit(1);
            char byte = 'x';
            for (const int number : closed) {
              const ssize_t count =
                  number == STDIN_FILENO ? ::read(number, &byte, 1) : ::write(number, &byte, 1);
              constexpr ssize_t kExpected[] = {0, -1, 1};  // at its end, refused, taken
              if (count != kExpected[number]) _exit(2);
            }
          }) == 0);
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  CHECK(exit_code_of([&] {
          ::dup2(ends[1], STDOUT_FILENO);
          open_closed_streams();
          if (::write(STDOUT_FILENO, "x", 1) != 1) _exit(1);
        }) == 0);
  ::close(ends[1]);
  char byte = 0;
  CHECK(::read(ends[0], &byte, 1) == 1);  // an open one is as it was
  ::close(ends[0]);
}

namespace {

// A progress line whose clock and screen belong to the test.
struct Screen {
  std::string text;
  log::Progress::Clock::time_point time{};

  log::Progress::Output output(bool terminal) {
    return {[this](std::string_view piece) { text += piece; }, [this] { return time; }, terminal,
            24};
  }
  void wait(int milliseconds) { time += std::chrono::milliseconds(milliseconds); }
};

}  // namespace

TEST_CASE("progress in a pipe is a plain line at most every ten seconds") {
  Screen screen;
  {
    log::Progress progress(screen.output(false));
    progress.update("1");
    screen.wait(9999);
    progress.update("2");
    screen.wait(1);
    progress.update("3");
    progress.finish("done");
  }
  CHECK(screen.text == "1\n3\ndone\n");
}

TEST_CASE("progress that must be seen is a line at once, whole, and the next ones wait") {
  Screen pipe;
  {
    log::Progress progress(pipe.output(false));
    progress.update("1");
    progress.keep("2");
    progress.update("3");
    pipe.wait(10000);
    progress.update("4");
  }
  CHECK(pipe.text == "1\n2\n4\n");
  Screen terminal;
  {
    log::Progress progress(terminal.output(true));
    progress.update("1");
    progress.keep("2 of a line that is far too long");
    terminal.wait(100);
    progress.update("3");
  }
  CHECK(terminal.text == "\r\x1b[K1\r\x1b[K2 of a line that is far too long\n\r\x1b[K3\r\x1b[K");
}

TEST_CASE("progress on a terminal rewrites one line that fits") {
  Screen screen;
  {
    log::Progress progress(screen.output(true));
    progress.update("step 1");
    screen.wait(99);
    progress.update("step 2");
    screen.wait(1);
    progress.update("step 3 of a line that is far too long");
  }
  CHECK(screen.text == "\r\x1b[Kstep 1\r\x1b[Kstep 3 of a line tha...\r\x1b[K");
}
