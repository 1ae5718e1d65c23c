// A worker: one `rankscope trial` process, its events and its end.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "common/json.h"

namespace rankscope {

// This program's `trial DIR ID... --device D --threads N --json`. The precision is the trials' own.
std::vector<std::string> worker_command(const std::filesystem::path& sweep_folder,
                                        const std::vector<std::string>& trials,
                                        const std::string& device, int threads);

// What a worker says of its end with an exit code that is not 0: the last line of its messages, or
// the code where there is none.
std::string worker_error(int exit_code, const std::filesystem::path& log);

class Worker {
 public:
  // Starts the command in a process group of its own, its messages going to `log`. Its output does
  // not wait to be read: writing fails (EAGAIN) where too much has not been. A worker whose
  // parent dies is asked to stop (kStopRequest), which saves; where a second signal ends the parent
  // it ends the worker too. MachineError where no process can be started.
  Worker(std::vector<std::string> command, const std::filesystem::path& log);
  ~Worker();  // one that still runs is killed
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // For poll(2).
  int descriptor() const { return output_; }
  // Takes what has come, an event a line. False once the worker's output has ended.
  bool read_events(const std::function<void(const Json& event)>& on_event);

  // Until its output ends, taking no notice of it.
  void wait_for_output();

  // Asks it to save and stop (kStopRequest).
  void interrupt() const;

  struct End {
    int exit_code = 0;  // 128 + the signal where one ended it
    std::string error;  // worker_error(), or the signal; empty after success
  };
  // Waits for its end; to be called once, after its output has ended.
  End wait();

  pid_t process() const { return process_; }

 private:
  std::filesystem::path log_;
  pid_t process_ = -1;
  int output_ = -1;
  std::string pending_;  // the beginning of a line
};

}  // namespace rankscope
