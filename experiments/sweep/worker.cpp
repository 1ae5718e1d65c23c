#include "experiments/sweep/worker.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "common/error.h"
#include "common/files.h"
#include "common/interrupt.h"
#include "common/text.h"

namespace rankscope {

namespace {

constexpr std::size_t kLongestMessage = 500;
constexpr std::size_t kLongestEvent = 1 << 20;

// Runs in the child, between fork and exec: only what is safe there.
[[noreturn]] void become_worker(char* const* arguments, int output, int log, pid_t parent) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, kStopRequest);
  if (getppid() != parent) _exit(130);  // it died before the line above
  dup2(output, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  execv("/proc/self/exe", arguments);
  _exit(127);
}

std::string last_line(const std::filesystem::path& log) {
  std::string text;
  try {
    text = read_regular_file(log);
  } catch (const Error&) {
    return "";
  }
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  const std::size_t begin = text.rfind('\n');
  return begin == std::string::npos ? text : text.substr(begin + 1);
}

}  // namespace

std::string worker_error(int exit_code, const std::filesystem::path& log) {
  constexpr std::string_view kPrefix = "rankscope: ";  // of what ends a program
  std::string line = last_line(log);
  const bool is_end = line.starts_with(kPrefix);
  // What is wrong with the machine may be what keeps its message from being written: the last line
  // is an earlier one then.
  if (!is_end && exit_code == MachineError("").exit_code())
    return fmt::format(
        "ended with exit code {}, a fault of the machine whose message could not be written to "
        "'{}'; see how much space is free on its disk (df)",
        exit_code, printable_path(log));
  if (is_end) line.erase(0, kPrefix.size());
  return line.empty() ? fmt::format("ended with exit code {}", exit_code)
                      : printable(line, kLongestMessage);
}

std::vector<std::string> worker_command(const std::filesystem::path& sweep_folder,
                                        const std::vector<std::string>& trials,
                                        const std::string& device, int threads) {
  std::vector<std::string> words = {"rankscope", "trial", sweep_folder.string()};
  words.insert(words.end(), trials.begin(), trials.end());
  for (const std::string& word : {std::string("--device"), device, std::string("--threads"),
                                  std::to_string(threads), std::string("--json")})
    words.push_back(word);
  return words;
}

Worker::Worker(std::vector<std::string> command, const std::filesystem::path& log) : log_(log) {
  std::vector<char*> arguments;
  for (std::string& word : command) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const int log_file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (log_file < 0)
    throw MachineError("cannot write '" + printable_path(log) + "': " + system_error_text(errno));
  std::array<int, 2> pipe_ends{};
  if (::pipe2(pipe_ends.data(), O_CLOEXEC) != 0) {
    const int error_number = errno;
    ::close(log_file);
    throw MachineError("cannot start a worker: " + system_error_text(error_number));
  }
  // Events that nobody takes are dropped: the coordinator may be analysing for minutes.
  ::fcntl(pipe_ends[1], F_SETFL, O_NONBLOCK);
  const pid_t parent = getpid();
  int error_number = 0;
  {
    const StopSignalsWait wait;
    process_ = ::fork();
    if (process_ == 0) become_worker(arguments.data(), pipe_ends[1], log_file, parent);
    error_number = errno;
    if (process_ > 0) end_with_second_signal(process_);
  }
  ::close(pipe_ends[1]);
  ::close(log_file);
  output_ = pipe_ends[0];
  if (process_ < 0) {
    ::close(output_);
    throw MachineError("cannot start a worker: " + system_error_text(error_number));
  }
  ::fcntl(output_, F_SETFL, O_NONBLOCK);
}

Worker::~Worker() {
  if (process_ > 0) {
    ::kill(process_, SIGKILL);
    leave_alone(process_);
    ::waitpid(process_, nullptr, 0);
  }
  ::close(output_);
}

bool Worker::read_events(const std::function<void(const Json& event)>& on_event) {
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t count = ::read(output_, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return true;
    if (count <= 0) return false;
    pending_.append(buffer.data(), static_cast<std::size_t>(count));
    std::size_t begin = 0;
    for (std::size_t end; (end = pending_.find('\n', begin)) != std::string::npos;
         begin = end + 1) {
      const Json event = Json::parse(pending_.begin() + static_cast<std::ptrdiff_t>(begin),
                                     pending_.begin() + static_cast<std::ptrdiff_t>(end), nullptr,
                                     /*allow_exceptions=*/false);
      if (event.is_object()) on_event(event);
    }
    pending_.erase(0, begin);
    if (pending_.size() > kLongestEvent) pending_.clear();
  }
}

void Worker::wait_for_output() {
  pollfd polled{output_, POLLIN, 0};
  do {
    ::poll(&polled, 1, -1);
  } while (read_events([](const Json&) {}));
}

void Worker::interrupt() const {
  if (process_ > 0) ::kill(process_, kStopRequest);
}

Worker::End Worker::wait() {
  // Its number is another process's once it is waited for.
  siginfo_t ignored{};
  while (::waitid(P_PID, static_cast<id_t>(process_), &ignored, WEXITED | WNOWAIT) < 0 &&
         errno == EINTR) {
  }
  leave_alone(process_);
  int status = 0;
  while (::waitpid(process_, &status, 0) < 0 && errno == EINTR) {
  }
  process_ = -1;
  if (WIFSIGNALED(status)) {
    const int number = WTERMSIG(status);
    return {128 + number, fmt::format("killed by signal {} ({})", number, strsignal(number))};
  }
  const int code = WEXITSTATUS(status);
  return {code, code == 0 ? "" : worker_error(code, log_)};
}

}  // namespace rankscope
