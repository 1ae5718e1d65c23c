#include "experiments/sweep/timings.h"

#include "common/error.h"
#include "common/files.h"
#include "common/json.h"
#include "results/records.h"

namespace rankscope {

namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr std::chrono::seconds kSaveEvery{5};

}  // namespace

Timings::Timings(const std::filesystem::path& folder) : file_(folder / "timings.json") {
  try {
    const Json json = read_json_file(file_);
    for (const auto& [name, value] : json.items())
      if (value.is_number()) values_[name] = value;
  } catch (const Error&) {
    values_.clear();
  }
}

void Timings::save() const { write_file_atomically(file_, OrderedJson(values_).dump(1) + "\n"); }

void Timings::forget(const std::string& beginning) {
  std::erase_if(values_, [&](const auto& value) { return value.first.starts_with(beginning); });
}

Timings::Clock::Clock(Timings& timings, std::string name, SteadyClock::time_point begin)
    : timings_(timings), name_(std::move(name)), counted_(begin), saved_(SteadyClock::now()) {}

void Timings::Clock::tick() {
  const SteadyClock::time_point now = SteadyClock::now();
  timings_.add(name_, std::chrono::duration<double>(now - counted_).count());
  counted_ = now;
  if (now - saved_ < kSaveEvery) return;
  timings_.save();
  saved_ = now;
}

Timings::Clock::~Clock() {
  tick();
  try {
    timings_.save();
  } catch (const Error&) {  // a full disk: what matters has been reported already
  }
}

TrainingClock::TrainingClock(Timings& timings, std::size_t together)
    : timings_(timings), together_(together), begin_(SteadyClock::now()) {}

void TrainingClock::stepped(std::int64_t step) {
  if (!clock_) {
    if (step == 1)
      for (const char* name : {"train_", kTrainedTogether}) timings_.forget(name);
    if (together_ > 1) timings_.set(kTrainedTogether, static_cast<double>(together_));
    clock_.emplace(timings_, "train_seconds", begin_);
  }
  clock_->tick();
}

}  // namespace rankscope
