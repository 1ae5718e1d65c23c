// What the program throws, and the exit code that each kind of failure ends with.
#pragma once

#include <stdexcept>
#include <string>

namespace rankscope {

// What a fault of the program itself ends with, which no class here is for (EX_SOFTWARE).
inline constexpr int kInternalErrorExit = 70;

// The base of every error the program reports. what() is one line: what happened, where (file,
// line, key) and what to do next. main() prints it and exits with exit_code().
class Error : public std::runtime_error {
 public:
  Error(const std::string& message, int exit_code)
      : std::runtime_error(message), exit_code_(exit_code) {}
  int exit_code() const { return exit_code_; }

 private:
  int exit_code_;
};

// A trial ended without a result (exit code 1). Divergence is a result, not this.
class TrialFailed : public Error {
 public:
  explicit TrialFailed(const std::string& message) : Error(message, 1) {}
};

// The user's files, options or paths are at fault (exit code 2).
class InputError : public Error {
 public:
  explicit InputError(const std::string& message) : Error(message, 2) {}
};

// The user may not read or write what is there: nothing is said of what it holds.
class PermissionDenied : public InputError {
 public:
  using InputError::InputError;
};

// A file is not the one whose hash was recorded when it was written.
class AlteredFile : public InputError {
 public:
  using InputError::InputError;
};

// What an adapted model gives is NaN or infinite: its training diverged, though no loss showed it.
class NonFiniteOutput : public InputError {
 public:
  using InputError::InputError;
};

// The machine is at fault: disk full, out of memory, device gone (exit code 3).
class MachineError : public Error {
 public:
  explicit MachineError(const std::string& message) : Error(message, 3) {}
};

// A GPU's memory does not suffice: another trial may fit.
class OutOfGpuMemory : public MachineError {
 public:
  using MachineError::MachineError;
};

// The user or the scheduler asked to stop (exit code 130).
class Interrupted : public Error {
 public:
  explicit Interrupted(const std::string& message) : Error(message, 130) {}
};

}  // namespace rankscope
