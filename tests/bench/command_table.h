// What the tables of `bench` share: rows of measured figures beside their marks, and commands run
// as a user runs them.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "common/json.h"

namespace rankscope::bench {

class Table {
 public:
  // Rows go to standard output as they come, and by finish() to `file`.
  explicit Table(std::filesystem::path file);

  // `lower`: the marks are upper bounds. `bound`: what this machine's arithmetic allows, 0 where
  // that is not the limit.
  void row(const std::string& work, double measured, double must, double aim, bool lower = false,
           double bound = 0);
  // The rows that need a peer: calls `rows`. Where that throws, the row `work` says why, the others
  // go on, and finish() returns 1. Whether it went well.
  bool with_peer(const std::string& work, const std::function<void()>& rows);
  // The row of what could not be measured.
  void failed_row(const std::string& work, const std::string& why);
  // 0 where every "must" was met and no row failed, else 1.
  int finish();

 private:
  std::filesystem::path file_;
  OrderedJson json_ = OrderedJson::array();
  bool good_ = true;
};

// Of an odd number of values.
double median(std::vector<double> values);

// One JSON line of a command's standard output, and the seconds since its start.
struct OutputLine {
  double seconds;
  Json value;
};
// MachineError where there are none or the command fails, whatever it has printed.
std::vector<OutputLine> run_command(const std::string& command);

// Of one process of the program, whatever it prints. MachineError where it fails.
struct ProgramUse {
  double seconds, peak_gibibytes;
};
ProgramUse use_of_program(const std::string& arguments);

// In single quotes, for the shell.
std::string quoted(const std::string& text);

// $RANKSCOPE_PEERS_PYTHON, or null after saying that peers are not measured.
const char* peers_python();
// The last line that tests/bench/peers/SCRIPT prints; `arguments` are put behind it as they are.
Json run_peer(const std::string& python, const std::string& script, const std::string& arguments);

}  // namespace rankscope::bench
