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

double part_done(const TrialProgress& progress, bool training_counts) {
  if (progress.of == 0) return 0;
  const double part = static_cast<double>(progress.done) / static_cast<double>(progress.of);
  if (!training_counts) return part;
  return progress.phase == TrialProgress::Phase::kTraining
             ? part * kTrainingShare
             : kTrainingShare + part * (1 - kTrainingShare);
}

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
  if (const std::string ranks = trial.setting("ranks"); !ranks.empty()) title += " " + ranks;
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

void WorkDone::add(const std::string& trial, double cost) {
  trials_[trial].cost = cost;
  total_ += cost;
}

void WorkDone::came_to(const std::string& trial, double part, double before) {
  One& one = trials_[trial];
  one.part = part;
  if (!one.before) one.before = before;
}

void WorkDone::left(const std::string& trial) { trials_[trial].part = 0; }

void WorkDone::ended(const std::string& trial) { trials_[trial].part = 1; }

void WorkDone::dropped(const std::string& trial) {
  trials_.erase(trial);
  total_ = 0;  // a sum less its parts need not be 0
  for (const auto& [id, one] : trials_) total_ += one.cost;
}

double WorkDone::sum(bool of_this_run) const {
  double sum = 0;
  for (const auto& [id, one] : trials_)
    sum += one.cost * (of_this_run ? std::max(0.0, one.part - one.before.value_or(0)) : one.part);
  return sum;
}

double WorkDone::part() const { return total_ > 0 ? std::min(1.0, sum(false) / total_) : 1; }

std::optional<double> WorkDone::seconds_left(double seconds) const {
  const double done = sum(true);
  if (done <= 0.01 * total_ || part() >= 1) return {};
  return seconds / done * (total_ - sum(false));
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
    work_.add(trial.id(), costs.left_of(trial, folder));
    if (trial.trains() && !folder.is_trained(trial)) trained_here_.insert(trial.id());
  }
}

LiveView::~LiveView() {
  erase();
  for (const auto& [warning, trials] : warned_)
    if (trials.size() > 1)
      log::warning("the workers of {} trials in all: {}", trials.size(), warning);
}

void LiveView::started(const Trial& trial) {
  running_[trial.id()] = {&trial, {}};
  if (terminal_) draw();
}

void LiveView::progressed(const Trial& trial, const TrialProgress& progress) {
  running_[trial.id()] = {&trial, progress};
  // What is reported first is a step, or an example, of this run.
  TrialProgress before = progress;
  --before.done;
  const bool training_counts = trained_here_.contains(trial.id());
  work_.came_to(trial.id(), part_done(progress, training_counts),
                part_done(before, training_counts));
}

void LiveView::warned(const Trial& trial, const std::string& warning) {
  const bool is_first = warned_[warning].empty();
  warned_[warning].insert(trial.id());
  if (!is_first) return;
  erase();
  log::warning("the worker of {}: {}", trial.id(), warning);
  if (terminal_) draw();
}

void LiveView::ended(const Trial& trial, TrialState state) {
  running_.erase(trial.id());
  if (state == TrialState::kFailed)
    work_.dropped(trial.id());
  else
    work_.ended(trial.id());
  ++finished_;
  say(fmt::format("{} {}  {}  ({})", trial.id(), trial_title(trial), state_name(state),
                  bar_text()));
}

void LiveView::attempt_failed(const Trial& trial, const std::string& error, int attempt) {
  put_back(trial);
  say(fmt::format("{} {}  attempt {} of {} failed: {}", trial.id(), trial_title(trial), attempt,
                  kAttempts, error));
}

void LiveView::put_back(const Trial& trial) {
  running_.erase(trial.id());
  work_.left(trial.id());
}

void LiveView::fewer_workers(int workers) {
  say(fmt::format("a worker was killed, as a system does that is short of memory; going on with {}",
                  workers));
}

void LiveView::idle() {
  const Clock::time_point now = Clock::now();
  if (now - drawn_at_ < (terminal_ ? Clock::duration(kTerminalInterval) : kPipeInterval)) return;
  draw();
}

std::string LiveView::bar_text() const {
  const double seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
  std::string text = fmt::format("{}/{} trials", finished_, total_);
  if (const std::optional<double> left = work_.seconds_left(seconds))
    text += ", " + duration_text(*left) + " left";
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
  const double part = work_.part();
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
