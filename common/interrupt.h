// Signals: the first SIGINT or SIGTERM asks the program to stop, the second ends it at once. A
// terminal that goes away (SIGHUP) and the process that started this one (SIGUSR1) ask too, however
// often they say so.
#pragma once

#include <signal.h>
#include <sys/types.h>

namespace rankscope {

// By which a coordinator asks its workers to save and stop. A worker may have got the SIGTERM that
// its coordinator got (a service manager's, a scheduler's): the two are one wish.
inline constexpr int kStopRequest = SIGUSR1;

// Called once by main(). After it, the first SIGINT or SIGTERM makes stop_requested() true and the
// second exits with 130. kStopRequest asks as the first does, and SIGHUP unless it was ignored
// before (nohup). SIGXFSZ is ignored, so that a file size limit comes as an error (EFBIG) from
// write() and is reported as a full disk.
void install_signal_handlers();

// While it lives SIGINT, SIGTERM and kStopRequest wait, in the calling thread and in the processes
// that it starts, in those until they call install_signal_handlers(): a process that has no
// handlers yet would be ended by them.
class StopSignalsWait {
 public:
  StopSignalsWait();
  ~StopSignalsWait();
  StopSignalsWait(const StopSignalsWait&) = delete;
  StopSignalsWait& operator=(const StopSignalsWait&) = delete;

 private:
  sigset_t before_;
};

// A child that the second signal ends too (SIGKILL), and one that it does not any more. Of more
// than 4096 at a time the last are left alone.
void end_with_second_signal(pid_t child);
void leave_alone(pid_t child);

// For commands that write no file, and so have nothing to put in order: from now on the first
// signal exits with 130.
void exit_at_first_signal();
// For commands that save what they have when they are stopped: a reader of standard output that
// goes away (SIGPIPE) asks to stop, where it would end the program.
void stop_when_output_closes();

// Long loops ask this between two units of work that can be resumed.
bool stop_requested();
// Throws Interrupted if a stop was requested.
void throw_if_stop_requested(
    const char* message = "interrupted; the same command continues where this one stopped");
// For those that begin anew.
inline constexpr const char* kNothingWritten = "interrupted; nothing was written";
// What a first signal does: for tests.
void request_stop();
// Forgets a request: for tests.
void clear_stop_request();

}  // namespace rankscope
