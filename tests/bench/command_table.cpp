#include "tests/bench/command_table.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "common/error.h"
#include "common/files.h"

namespace rankscope::bench {

Table::Table(std::filesystem::path file) : file_(std::move(file)) {
  std::printf("%-50s %9s %6s %6s\n", "work", "measured", "must", "aim");
}

void Table::row(const std::string& work, double measured, double must, double aim, bool lower,
                double bound) {
  const bool met = lower ? measured <= must : measured >= must;
  const bool aimed = lower ? measured <= aim : measured >= aim;
  good_ &= met;
  std::printf("%-50s %9.2f %6.2f %6.2f  %s", work.c_str(), measured, must, aim,
              aimed ? "aim met"
              : met ? "met"
                    : "MISSED");
  if (bound > 0) std::printf(" (%.2f at the speed of sgemm here)", bound);
  std::printf("\n");
  std::fflush(stdout);
  json_.push_back({{"work", work},
                   {"measured", measured},
                   {"must", must},
                   {"aim", aim},
                   {"met", met},
                   {"bound", bound > 0 ? OrderedJson(bound) : OrderedJson()}});
}

bool Table::with_peer(const std::string& work, const std::function<void()>& rows) {
  try {
    rows();
    return true;
  } catch (const std::exception& error) {
    failed_row(work, error.what());
    return false;
  }
}

void Table::failed_row(const std::string& work, const std::string& why) {
  good_ = false;
  std::printf("%-50s FAILED: %s\n", work.c_str(), why.c_str());
  std::fflush(stdout);
  json_.push_back({{"work", work}, {"error", why}});
}

int Table::finish() {
  write_file_atomically(file_, json_.dump(1) + "\n");
  return good_ ? 0 : 1;
}

double median(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + std::ssize(values) / 2);
  return values[values.size() / 2];
}

std::vector<OutputLine> run_command(const std::string& command) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(("(" + command + ") 2>/dev/null").c_str(), "r"),
                                             pclose);
  if (!pipe) throw MachineError("cannot start: " + command);
  std::vector<OutputLine> lines;
  std::string text;
  for (int c; (c = std::fgetc(pipe.get())) != EOF;) {
    if (c != '\n') {
      text += static_cast<char>(c);
      continue;
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    if (text.starts_with("{")) lines.push_back({seconds, parse_json(text, command)});
    text.clear();
  }
  if (pclose(pipe.release()) != 0) throw MachineError("fails: " + command + "; run it to see why");
  if (lines.empty()) throw MachineError("no output from: " + command + "; run it to see why");
  return lines;
}

ProgramUse use_of_program(const std::string& arguments) {
  const std::string command = "exec " + quoted(RANKSCOPE_PROGRAM) + " " + arguments;
  const auto start = std::chrono::steady_clock::now();
  const pid_t child = fork();
  if (child == 0) {
    const int nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
    execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    _exit(127);
  }
  int status = 0;
  rusage usage{};
  if (child < 0 || wait4(child, &status, 0, &usage) != child || !WIFEXITED(status) ||
      WEXITSTATUS(status) != 0)
    throw MachineError("fails: " + command + "; run it to see why");
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  return {taken.count(), static_cast<double>(usage.ru_maxrss) / (1 << 20)};  // in KiB
}

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

const char* peers_python() {
  const char* python = std::getenv("RANKSCOPE_PEERS_PYTHON");
  if (python == nullptr) {
    std::printf(
        "RANKSCOPE_PEERS_PYTHON is not set: what users would pick instead is not measured "
        "(tests/bench/peers/README.md)\n");
  }
  return python;
}

Json run_peer(const std::string& python, const std::string& script, const std::string& arguments) {
  const std::string path = RANKSCOPE_SOURCE_DIR "/tests/bench/peers/" + script;
  return run_command("HF_HUB_OFFLINE=1 " + quoted(python) + " " + quoted(path) + " " + arguments +
                     " --json")
      .back()
      .value;
}

}  // namespace rankscope::bench
