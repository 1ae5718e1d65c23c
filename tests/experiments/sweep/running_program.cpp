#include "tests/experiments/sweep/running_program.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>
#include <thread>

#include "common/files.h"

namespace rankscope::tests {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kLook{2};
constexpr std::chrono::minutes kPatience{10};

}  // namespace

RunningProgram::RunningProgram(const std::vector<std::string>& arguments) {
  std::vector<std::string> words{RANKSCOPE_PROGRAM};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const int output =
      ::open((folder_ / "output").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (output < 0) throw std::runtime_error("no output file");
  process_ = ::fork();
  if (process_ == 0) {
    ::dup2(output, STDOUT_FILENO);
    ::dup2(output, STDERR_FILENO);
    ::execv(pointers[0], pointers.data());
    ::_exit(127);
  }
  ::close(output);
}

RunningProgram::~RunningProgram() {
  if (ended()) return;
  for (const pid_t worker : workers()) ::kill(worker, SIGKILL);
  ::kill(process_, SIGKILL);
  wait();
}

bool RunningProgram::ended() {
  if (!ended_ && ::waitpid(process_, &status_, WNOHANG) == process_) ended_ = true;
  return ended_;
}

int RunningProgram::wait() {
  if (!ended_) ::waitpid(process_, &status_, 0);
  ended_ = true;
  return WIFSIGNALED(status_) ? 128 + WTERMSIG(status_) : WEXITSTATUS(status_);
}

std::string RunningProgram::output() const { return read_text_file(folder_ / "output"); }

std::vector<pid_t> RunningProgram::workers() const {
  const std::string process = std::to_string(process_);
  std::ifstream children("/proc/" + process + "/task/" + process + "/children");
  std::vector<pid_t> found;
  for (pid_t child = 0; children >> child;) found.push_back(child);
  return found;
}

void RunningProgram::send(int signal) const {
  if (!ended_) ::kill(process_, signal);
}

bool RunningProgram::wait_until(const std::function<bool()>& condition) {
  const Clock::time_point give_up = Clock::now() + kPatience;
  while (!condition()) {
    if (ended()) return condition();
    if (Clock::now() > give_up) throw std::runtime_error("the program stands still");
    std::this_thread::sleep_for(kLook);
  }
  return true;
}

bool is_alive(pid_t process) { return ::kill(process, 0) == 0; }

std::string status_line(pid_t process, const std::string& key) {
  std::ifstream file("/proc/" + std::to_string(process) + "/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(key + ":")) return line.substr(key.size() + 1);
  return "";
}

bool stop_process(pid_t process) {
  const Clock::time_point give_up = Clock::now() + kPatience;
  ::kill(process, SIGSTOP);
  for (;;) {
    const std::string state = status_line(process, "State");
    if (state.find('T') != std::string::npos) return true;
    const bool ended = state.empty() || state.find('Z') != std::string::npos;
    if (ended || Clock::now() > give_up) return false;
    std::this_thread::sleep_for(kLook);
  }
}

}  // namespace rankscope::tests
