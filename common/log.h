// People's text, on standard error: one line a message, and a progress line.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace rankscope::log {

enum class Level { kDebug, kInfo, kWarning, kError };

// Messages below this level are dropped; kInfo at the start.
void set_level(Level level);
// Is told of every warning beside its line; none at the start. To be set while one thread runs.
void set_warning_listener(std::function<void(std::string_view message)> listener);
// Writes one line. A progress line in the way is cleared first. Thread-safe.
void write(Level level, std::string_view message);

template <typename... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kDebug, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kWarning, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kError, fmt::format(format, std::forward<Args>(args)...));
}

// The state of a long piece of work. On a terminal it rewrites one line, at most ten times a
// second; elsewhere it prints a plain line at most every ten seconds. Used by one thread.
class Progress {
 public:
  using Clock = std::chrono::steady_clock;
  struct Output {
    std::function<void(std::string_view)> put;
    std::function<Clock::time_point()> now;
    bool terminal = false;
    int columns = 80;
  };

  Progress();  // to standard error
  explicit Progress(Output output);
  ~Progress();  // clears the line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(const std::string& text);
  // A state that must be seen: a line at once, that stays.
  void keep(const std::string& text);
  // Ends with a last line that stays.
  void finish(const std::string& text);

 private:
  void clear();

  Output output_;
  bool shown_ = false;
  bool ever_ = false;
  Clock::time_point last_{};
};

}  // namespace rankscope::log
