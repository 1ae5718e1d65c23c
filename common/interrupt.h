// Signals: the first SIGINT or SIGTERM asks the program to stop, the second ends it at once.
#pragma once

namespace rankscope {

// Called once by main(). After it, the first SIGINT or SIGTERM makes stop_requested() true and the
// second exits with 130. SIGXFSZ is ignored, so that a file size limit comes as an error (EFBIG)
// from write() and is reported as a full disk.
void install_signal_handlers();

// Long loops ask this between two units of work that can be resumed.
bool stop_requested();
// Throws Interrupted if a stop was requested.
void throw_if_stop_requested();
// What a first signal does; a worker that shares the process uses it too.
void request_stop();
// Forgets a request: for tests.
void clear_stop_request();

}  // namespace rankscope
