#include "experiments/sweep/live_view.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "common/log.h"

namespace rankscope {

namespace {

constexpr std::chrono::milliseconds kTerminalInterval{200};
constexpr std::chrono::seconds kPipeInterval{30};
constexpr int kBarCells = 24;
// Of a trial's time, what its training takes: evaluation has the rest. Only the bar depends on it.
constexpr double kTrainingShare = 0.8;

std::size_t terminal_columns() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20) return 80;
  return size.ws_col;
}

}  // namespace

std::string progress_text(const TrialProgress& p) {
  if (p.of == 0) return "starting";
  if (p.phase == TrialProgress::Phase::kTraining)
    return fmt::format("step {}/{}  loss {:.4f}  {:.0f} tokens/s", p.done, p.of, p.loss,
                       p.tokens_per_second);
  return fmt::format("{}/{} predictions  {:.0f} tokens/s", p.done, p.of, p.tokens_per_second);
}

std::string trial_title(const Trial& trial) {
  std::string title = trial.config.method;
  if (const std::string targets = trial.setting("targets"); !targets.empty())
    title += " " + targets;
  if (const std::string rank = trial.setting("rank"); !rank.empty()) title += " r" + rank;
  if (trial.is_tuning()) title += " lr " + trial.setting("lr");
  title += " " + trial.config.task.name;
  // A group without a name of its own has the method's.
  if (!trial.is_tuning() && trial.config.group != trial.config.method)
    title += " (" + trial.config.group + ")";
  if (trial.trains()) title += fmt::format(" seed {}", trial.config.seed);
  return trial.is_tuning() ? "tuning " + title : title;
}

std::string duration_text(double seconds) {
  const auto s = static_cast<long long>(seconds + 0.5);
  if (s >= 3600) return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
  return fmt::format("{}:{:02}", s / 60, s % 60);
}

LiveView::LiveView(const SweepFolder& folder, const Manifest& manifest, const TrialCosts& costs)
    : total_(manifest.trials.size()),
      terminal_(isatty(STDERR_FILENO) != 0),
      begin_(Clock::now()),
      drawn_at_(begin_) {
  for (const Trial& trial : manifest.trials) {
    if (is_finished(trial_state(folder, trial))) {
      ++finished_;
      continue;
    }
    total_cost_ += costs_[trial.id()] = costs.of(trial);
  }
}

LiveView::~LiveView() { erase(); }

void LiveView::started(const Trial& trial) {
  running_[trial.id()] = {&trial, {}};
  if (terminal_) draw();
}

void LiveView::progressed(const Trial& trial, const TrialProgress& progress) {
  running_[trial.id()] = {&trial, progress};
}

void LiveView::ended(const Trial& trial, TrialState state) {
  running_.erase(trial.id());
  ended_cost_ += costs_[trial.id()];
  ++finished_;
  say(fmt::format("{} {}  {}  ({})", trial.id(), trial_title(trial), state_name(state),
                  bar_text()));
}

void LiveView::attempt_failed(const Trial& trial, const std::string& error, int attempt) {
  running_.erase(trial.id());
  say(fmt::format("{} {}  attempt {} of {} failed: {}", trial.id(), trial_title(trial), attempt,
                  kAttempts, error));
}

void LiveView::idle() {
  const Clock::time_point now = Clock::now();
  if (now - drawn_at_ < (terminal_ ? Clock::duration(kTerminalInterval) : kPipeInterval)) return;
  draw();
}

double LiveView::fraction_of(const Trial& trial, const TrialProgress& progress) const {
  if (progress.of == 0) return 0;
  const double part = static_cast<double>(progress.done) / static_cast<double>(progress.of);
  if (!trial.trains()) return part;
  return progress.phase == TrialProgress::Phase::kTraining
             ? part * kTrainingShare
             : kTrainingShare + part * (1 - kTrainingShare);
}

double LiveView::part_done() const {
  double done = ended_cost_;
  for (const auto& [id, one] : running_)
    done += costs_.at(id) * fraction_of(*one.first, one.second);
  return total_cost_ > 0 ? std::min(1.0, done / total_cost_) : 1;
}

std::string LiveView::bar_text() const {
  const double part = part_done();
  const double seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
  std::string text = fmt::format("{}/{} trials", finished_, total_);
  if (part > 0.01 && part < 1) text += ", " + duration_text(seconds / part * (1 - part)) + " left";
  return text;
}

void LiveView::draw() {
  drawn_at_ = Clock::now();
  if (!terminal_) {
    for (const auto& [id, one] : running_)
      if (one.second.of > 0)
        log::info("{} {}  {}", id, trial_title(*one.first), progress_text(one.second));
    if (!running_.empty()) log::info("{}", bar_text());
    return;
  }
  erase();
  const std::size_t columns = terminal_columns() - 1;
  std::string text;
  for (const auto& [id, one] : running_) {
    text += fmt::format("{} {}  {}", id.substr(0, 6), trial_title(*one.first),
                        progress_text(one.second))
                .substr(0, columns) +
            "\n";
    ++drawn_;
  }
  const double part = part_done();
  const int cells = static_cast<int>(part * kBarCells);
  text += fmt::format("[{}{}] {:.0f}%  {}", std::string(static_cast<std::size_t>(cells), '#'),
                      std::string(static_cast<std::size_t>(kBarCells - cells), '.'), 100 * part,
                      bar_text())
              .substr(0, columns) +
          "\n";
  ++drawn_;
  std::fputs(text.c_str(), stderr);
}

void LiveView::erase() {
  if (drawn_ > 0) std::fprintf(stderr, "\x1b[%dA\x1b[J", drawn_);
  drawn_ = 0;
}

void LiveView::say(const std::string& line) {
  erase();
  log::info("{}", line);
  if (terminal_) draw();
}

}  // namespace rankscope
