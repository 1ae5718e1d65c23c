#include "common/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <mutex>

#include "common/text.h"

namespace rankscope::log {
namespace {

constexpr std::string_view kClearLine = "\r\x1b[K";
constexpr auto kTerminalInterval = std::chrono::milliseconds(100);
constexpr auto kPipeInterval = std::chrono::seconds(10);

// Guards the terminal line shared by messages and progress.
std::mutex terminal_mutex;
bool progress_on_terminal = false;
std::function<void(std::string_view)> warning_listener;

spdlog::level::level_enum spdlog_level(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarning:
      return spdlog::level::warn;
    case Level::kError:
      break;
  }
  return spdlog::level::err;
}

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto made = std::make_shared<spdlog::logger>("rankscope",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");
    made->set_level(spdlog::level::info);
    made->flush_on(spdlog::level::debug);
    return made;
  }();
  return *instance;
}

std::string_view prefix(Level level) {
  if (level == Level::kWarning) return "warning: ";
  if (level == Level::kError) return "error: ";
  return "";
}

void put_to_stderr(std::string_view text) {
  const std::lock_guard lock(terminal_mutex);
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
  progress_on_terminal =
      text.starts_with(kClearLine) && text != kClearLine && !text.ends_with('\n');
}

int terminal_columns() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20) return 80;
  return size.ws_col;
}

}  // namespace

void set_level(Level level) { logger().set_level(spdlog_level(level)); }

void set_warning_listener(std::function<void(std::string_view)> listener) {
  warning_listener = std::move(listener);
}

void write(Level level, std::string_view message) {
  if (level == Level::kWarning && warning_listener) warning_listener(message);
  const std::lock_guard lock(terminal_mutex);
  if (progress_on_terminal && logger().should_log(spdlog_level(level))) {
    std::fwrite(kClearLine.data(), 1, kClearLine.size(), stderr);
    progress_on_terminal = false;
  }
  logger().log(spdlog_level(level), "{}{}", prefix(level), message);
}

Progress::Progress()
    : Progress(Output{put_to_stderr, [] { return Clock::now(); }, isatty(STDERR_FILENO) != 0,
                      terminal_columns()}) {}

Progress::Progress(Output output) : output_(std::move(output)) {}

Progress::~Progress() { clear(); }

void Progress::update(const std::string& text) {
  const Clock::time_point now = output_.now();
  const Clock::duration interval =
      output_.terminal ? Clock::duration(kTerminalInterval) : Clock::duration(kPipeInterval);
  if (ever_ && now - last_ < interval) return;
  ever_ = true;
  last_ = now;
  if (output_.terminal) {
    // A line that wraps could not be rewritten.
    const auto room = static_cast<std::size_t>(output_.columns) - 4;
    output_.put(std::string(kClearLine) + printable(text, room));
    shown_ = true;
  } else {
    output_.put(text + "\n");
  }
}

void Progress::keep(const std::string& text) {
  finish(text);
  ever_ = true;
  last_ = output_.now();
}

void Progress::finish(const std::string& text) {
  clear();
  output_.put(text + "\n");
  ever_ = false;
}

void Progress::clear() {
  if (shown_) output_.put(kClearLine);
  shown_ = false;
}

}  // namespace rankscope::log
