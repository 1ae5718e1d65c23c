#include "tests/experiments/program.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cerrno>
#include <stdexcept>

#include "common/files.h"
#include "tests/temporary_folder.h"

namespace rankscope::tests {

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

// In the child, between fork and exec: system calls only.
[[noreturn]] void become_program(char* const* arguments, int out, int err,
                                 const ProgramOptions& options) {
  if (options.file_size_limit) {
    const rlimit limit{*options.file_size_limit, *options.file_size_limit};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(126);
  }
  if (options.address_limit) {
    const rlimit limit{*options.address_limit, *options.address_limit};
    if (::setrlimit(RLIMIT_AS, &limit) != 0) ::_exit(126);
  }
  constexpr uid_t kNobody = 65534;
  if (options.as_nobody && ::geteuid() == 0 && (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0))
    ::_exit(126);
  if (options.in_file &&
      ::dup2(::open(options.in_file->c_str(), O_RDONLY | O_CLOEXEC), STDIN_FILENO) < 0)
    ::_exit(126);
  if (::dup2(out, STDOUT_FILENO) < 0 || ::dup2(err, STDERR_FILENO) < 0) ::_exit(126);
  if (options.closed) ::close(*options.closed);
  ::execv(arguments[0], arguments);
  ::_exit(127);
}

// Reads one byte at a time up to the asked line, so that the pipe behind it stays full.
void read_lines(int descriptor, int lines, std::string& text) {
  for (char c = 0; lines > 0 && ::read(descriptor, &c, 1) == 1;) {
    text += c;
    if (c == '\n') --lines;
  }
}

void read_rest(int descriptor, std::string& text) {
  char buffer[4096];
  for (ssize_t count = 0; (count = ::read(descriptor, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<size_t>(count));
}

}  // namespace

std::vector<std::string> ProgramResult::out_lines() const { return lines_of(out); }
std::vector<std::string> ProgramResult::err_lines() const { return lines_of(err); }

ProgramResult run_program(const std::vector<std::string>& arguments,
                          const ProgramOptions& options) {
  TemporaryFolder folder;  // standard error goes to a file: it never makes the child wait
  std::vector<std::string> words{RANKSCOPE_PROGRAM};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);

  const int err = ::open((folder / "err").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  int pipe_ends[2];
  if (err < 0 || ::pipe2(pipe_ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  ::fcntl(pipe_ends[1], F_SETPIPE_SZ, 4096);
  int out = pipe_ends[1];
  if (options.out_file)
    out = ::open(options.out_file->c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  const pid_t child = ::fork();
  if (child == 0) become_program(pointers.data(), out, err, options);
  ::close(pipe_ends[1]);
  if (options.out_file) ::close(out);

  ProgramResult result;
  if (options.signal != 0) {
    read_lines(pipe_ends[0], options.signal_after_lines, result.out);
    if (options.before_signal) options.before_signal();
    ::kill(child, options.signal);
  }
  if (options.close_after_lines > 0) {
    read_lines(pipe_ends[0], options.close_after_lines, result.out);
  } else {
    read_rest(pipe_ends[0], result.out);
  }
  ::close(pipe_ends[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  ::close(err);
  result.err = read_bytes(folder / "err");
  if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  return result;
}

ProgramResult run_with(std::vector<std::string> arguments, const std::vector<std::string>& more,
                       const ProgramOptions& options) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_program(arguments, options);
}

std::vector<Json> json_lines(const ProgramResult& result) {
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  std::vector<Json> lines;
  for (const std::string& line : result.out_lines()) lines.push_back(Json::parse(line));
  return lines;
}

std::string to_lines(const std::vector<Json>& objects) {
  std::string text;
  for (const Json& object : objects) text += object.dump() + "\n";
  return text;
}

void check_refused(const ProgramResult& result, const std::string& expected) {
  INFO("expected: " << expected << "\ngot: " << result.err);
  CHECK(result.exit_code == 2);
  CHECK(result.err_lines().size() == 1);
  CHECK(result.err.starts_with("rankscope: "));
  CHECK(result.err.find("internal error") == std::string::npos);
  CHECK_THAT(result.err, Catch::Contains(expected));
  CHECK(result.out.empty());
}

std::string read_bytes(const std::filesystem::path& path) { return read_text_file(path); }

std::vector<std::string> names_below(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  if (!std::filesystem::exists(folder)) return names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.path().filename() != ".lock")
      names.push_back(entry.path().lexically_relative(folder).string());
  std::ranges::sort(names);
  return names;
}

void check_same_folder(const std::filesystem::path& a, const std::filesystem::path& b) {
  const std::vector<std::string> names = names_below(a);
  CHECK(names_below(b) == names);
  for (const std::string& name : names) {
    if (std::filesystem::is_directory(a / name) || !std::filesystem::exists(b / name)) continue;
    INFO(name);
    CHECK(read_bytes(a / name) == read_bytes(b / name));
  }
}

}  // namespace rankscope::tests
