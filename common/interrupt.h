// Signals: the first SIGINT or SIGTERM asks the program to stop, the second ends it at once. A
// terminal that goes away (SIGHUP) asks too, however often it says so.
#pragma once

namespace rankscope {

// Called once by main(). After it, the first SIGINT or SIGTERM makes stop_requested() true and the
// second exits with 130. SIGHUP asks as the first does, unless it was ignored before (nohup).
// SIGXFSZ is ignored, so that a file size limit comes as an error (EFBIG) from write() and is
// reported as a full disk.
void install_signal_handlers();

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
