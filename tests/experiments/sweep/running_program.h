// The program while it runs: its workers can be seen, stopped and killed.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "tests/temporary_folder.h"

namespace rankscope::tests {

class RunningProgram {
 public:
  // Both outputs go to a file.
  explicit RunningProgram(const std::vector<std::string>& arguments);
  ~RunningProgram();  // one that still runs is killed, its workers too
  RunningProgram(const RunningProgram&) = delete;
  RunningProgram& operator=(const RunningProgram&) = delete;

  pid_t process() const { return process_; }
  bool ended();
  // Waits for its end. The exit code, or 128 + the signal.
  int wait();
  std::string output() const;
  // Processes that it started and that still run.
  std::vector<pid_t> workers() const;
  // Nothing where it has been waited for: its number may be another process's.
  void send(int signal) const;

  // Until the condition holds or the program has ended; whether it holds. Ten minutes at most, so
  // that a program that stands still is a failed test; it is no timer.
  bool wait_until(const std::function<bool()>& condition);

 private:
  TemporaryFolder folder_;
  pid_t process_ = -1;
  bool ended_ = false;
  int status_ = 0;
};

// Whether the process is there: a child of nobody's, too.
bool is_alive(pid_t process);
// A line of /proc/PROCESS/status behind its key; empty where there is none.
std::string status_line(pid_t process, const std::string& key);
// Sends SIGSTOP and waits until the process stands still, ten minutes at most; whether it does. Of
// signals that wait for a process Linux delivers SIGTERM first.
bool stop_process(pid_t process);

}  // namespace rankscope::tests
