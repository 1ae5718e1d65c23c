// The program, run as a child process with its output caught.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/json.h"

namespace rankscope::tests {

struct ProgramResult {
  int exit_code = -1;  // -1: ended by a signal
  int signal = 0;
  std::string out;
  std::string err;
  std::vector<std::string> out_lines() const;
  std::vector<std::string> err_lines() const;
};

struct ProgramOptions {
  // Once so many lines came out, this signal is sent. The pipe holds some twenty lines of `train
  // --json` and is not read meanwhile, so that a longer run is still under way then.
  int signal_after_lines = 0;
  int signal = 0;
  std::function<void()> before_signal = {};  // called first
  // Once so many lines came out, nobody reads on.
  int close_after_lines = 0;
  // No file may grow beyond so many bytes (RLIMIT_FSIZE): to the program, a full disk.
  std::optional<std::uint64_t> file_size_limit = {};
  // It has no more than so many bytes of addresses (RLIMIT_AS), which threads' stacks take too.
  std::optional<std::uint64_t> address_limit = {};
  // The program runs as nobody, whom a folder's permissions bind, where the tests run as root.
  bool as_nobody = false;
  // Standard input comes from there.
  std::optional<std::filesystem::path> in_file = {};
  // Standard output goes there instead of into `out`.
  std::optional<std::filesystem::path> out_file = {};
  // This descriptor is closed, of standard input, output and error.
  std::optional<int> closed = {};
};

// Runs `rankscope ARGUMENTS...` to its end.
ProgramResult run_program(const std::vector<std::string>& arguments,
                          const ProgramOptions& options = {});
// The same with more words behind.
ProgramResult run_with(std::vector<std::string> arguments, const std::vector<std::string>& more,
                       const ProgramOptions& options = {});

// The lines of standard output as JSON; the test fails where the program did.
std::vector<Json> json_lines(const ProgramResult& result);
// JSON Lines for the program to read.
std::string to_lines(const std::vector<Json>& objects);
// Demands exit code 2, one line on standard error that begins with the program's name and holds
// what is expected, and nothing on standard output.
void check_refused(const ProgramResult& result, const std::string& expected);

std::string read_bytes(const std::filesystem::path& path);
// The names of all files and folders below `folder`, relative to it, sorted, but for those that
// locks are held on; empty where it is not.
std::vector<std::string> names_below(const std::filesystem::path& folder);
// Demands the same names in both folders, and every file the same, byte for byte.
void check_same_folder(const std::filesystem::path& a, const std::filesystem::path& b);

}  // namespace rankscope::tests
