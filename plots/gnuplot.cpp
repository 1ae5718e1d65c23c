#include "plots/gnuplot.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <span>

#include "common/error.h"
#include "common/files.h"
#include "common/interrupt.h"
#include "common/text.h"

namespace rankscope {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr const char* kInstall =
    "install gnuplot (Debian: apt-get install gnuplot-nox) and ask for the report again";
constexpr int kNotFound = 127;

struct Ended {
  bool found = true, late = false;
  int status = 0;
  std::string messages;  // the beginning
};

// Runs in the child, between fork and exec: only what is safe there.
[[noreturn]] void become_gnuplot(const char* folder, const char* script, int messages) {
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (::chdir(folder) == 0 && ::dup2(nothing, 0) >= 0 && ::dup2(nothing, 1) >= 0 &&
      ::dup2(messages, 2) >= 0)
    ::execlp("gnuplot", "gnuplot", "-d", script, static_cast<char*>(nullptr));
  ::_exit(kNotFound);
}

fs::path done_mark(const fs::path& folder, const Figure& figure) {
  return folder / (figure.name + ".done");
}

// Draws the figures by their script, each within the limit.
Ended run_gnuplot(const fs::path& folder, const char* script, std::span<const Figure> figures,
                  std::chrono::seconds limit) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0)
    throw MachineError("cannot start gnuplot: " + system_error_text(errno));
  const std::string where = folder.string();
  const pid_t child = ::fork();
  if (child < 0) {
    const int error = errno;
    ::close(ends[0]);
    ::close(ends[1]);
    throw MachineError("cannot start gnuplot: " + system_error_text(error));
  }
  if (child == 0) become_gnuplot(where.c_str(), script, ends[1]);
  ::close(ends[1]);

  Ended ended;
  Clock::time_point deadline = Clock::now() + limit;
  char buffer[4096];
  bool stopped = false;
  for (;;) {
    // Short, so that a stop that was requested is seen.
    pollfd wait{ends[0], POLLIN, 0};
    const int ready = ::poll(&wait, 1, 100);
    stopped = stop_requested();
    while (!figures.empty() && is_there(done_mark(folder, figures.front()))) {
      figures = figures.subspan(1);
      deadline = Clock::now() + limit;
    }
    ended.late = Clock::now() >= deadline;
    if (stopped || ended.late) break;
    if (ready <= 0) continue;
    const ssize_t count = ::read(ends[0], buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    constexpr std::size_t kKept = 4000;
    ended.messages.append(buffer, static_cast<std::size_t>(count));
    ended.messages.resize(std::min(ended.messages.size(), kKept));
  }
  ::close(ends[0]);
  if (stopped || ended.late) ::kill(child, SIGKILL);
  while (::waitpid(child, &ended.status, 0) < 0 && errno == EINTR) {
  }
  if (stopped)
    throw Interrupted("interrupted while drawing; the same command begins the report again");
  ended.found = !(WIFEXITED(ended.status) && WEXITSTATUS(ended.status) == kNotFound &&
                  ended.messages.empty());
  return ended;
}

// Draws the figures from the given one on. A figure's output is closed before the next is begun, so
// that a failure leaves those before it whole.
std::string driver(const std::vector<Figure>& figures, std::size_t from, bool png) {
  std::string text = "rankscope_draws = 1\n";
  for (std::size_t i = from; i < figures.size(); ++i) {
    const Figure& f = figures[i];
    text += fmt::format(
        "reset\nset terminal svg size {},{} dynamic noenhanced font 'sans-serif,13'\n"
        "set output '{}.svg'\nload '{}.gp'\nset output\n",
        f.width, f.height, f.name, f.name);
    // Twice the size, for print.
    if (png)
      text += fmt::format(
          "reset\nset terminal pngcairo size {},{} fontscale 2 linewidth 2 pointscale 2 noenhanced "
          "font "
          "'sans-serif,10' background rgb 'white'\nset output '{}.png'\nload '{}.gp'\nset output\n",
          2 * f.width, 2 * f.height, f.name, f.name);
    text += fmt::format("set print '{}.done'\nprint 1\nset print\n", f.name);
  }
  return text;
}

// gnuplot's first words that are no echo of the script and no mark below it.
std::string reason_of(const Ended& ended) {
  if (ended.late) return "it took too long";
  std::string reason;
  for (std::size_t at = 0; at < ended.messages.size();) {
    const std::size_t end = std::min(ended.messages.find('\n', at), ended.messages.size());
    const std::string line = ended.messages.substr(at, end - at);
    if (line.find(" line ") != std::string::npos) reason = line;
    at = end + 1;
  }
  if (reason.empty()) reason = ended.messages;
  return printable(reason, 200);
}

}  // namespace

Drawn draw_figures(const std::vector<Figure>& figures, const fs::path& folder, bool png,
                   std::chrono::seconds limit) {
  constexpr const char* kDriver = "draw.gp.tmp";
  Drawn drawn{std::vector<bool>(figures.size()), {}};
  std::error_code ignored;
  for (std::size_t from = 0; from < figures.size();) {
    write_file_atomically(folder / kDriver, driver(figures, from, png));
    const Ended ended = run_gnuplot(folder, kDriver, std::span(figures).subspan(from), limit);
    if (!ended.found) {
      drawn.missing.push_back(
          fmt::format("No figure was drawn: gnuplot is not on PATH; {}.", kInstall));
      break;
    }
    while (from < figures.size() && is_there(done_mark(folder, figures[from]))) {
      fs::remove(done_mark(folder, figures[from]), ignored);
      drawn.figures[from++] = true;
    }
    if (from == figures.size()) break;
    const std::string& name = figures[from].name;
    for (const char* suffix : {".svg", ".png"}) fs::remove(folder / (name + suffix), ignored);
    drawn.missing.push_back(
        fmt::format("The figure {} was not drawn: gnuplot: {}.", name, reason_of(ended)));
    ++from;
  }
  fs::remove(folder / kDriver, ignored);
  return drawn;
}

}  // namespace rankscope
