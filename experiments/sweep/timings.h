// What a trial cost, in a file beside its results: added up over all processes that worked on it.
// Nothing else depends on it.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace rankscope {

class Timings {
 public:
  // Of a folder's timings.json; what cannot be read is forgotten.
  explicit Timings(const std::filesystem::path& folder);

  void add(const std::string& name, double value) { values_[name] += value; }
  void set(const std::string& name, double value) { values_[name] = value; }
  // Those whose names begin so.
  void forget(const std::string& beginning);
  const std::map<std::string, double>& values() const { return values_; }
  void save() const;

  // Adds the time of its life to one value, and writes it down now and then, so that a process that
  // is killed loses a few seconds at most.
  class Clock {
   public:
    // What has passed since `begin` counts too.
    Clock(Timings& timings, std::string name,
          std::chrono::steady_clock::time_point begin = std::chrono::steady_clock::now());
    ~Clock();
    Clock(const Clock&) = delete;
    Clock& operator=(const Clock&) = delete;
    void tick();

   private:
    Timings& timings_;
    std::string name_;
    std::chrono::steady_clock::time_point counted_, saved_;
  };

 private:
  std::filesystem::path file_;
  std::map<std::string, double> values_;
};

// What a training takes (train_seconds), from the clock's making to its end, where a step is made
// meanwhile: one that is finished, or that cannot be begun, costs nothing. What was counted before
// the first step of all is of a training that was discarded, and is forgotten.
class TrainingClock {
 public:
  // `together`: how many are trained in one pass with it, itself included.
  TrainingClock(Timings& timings, std::size_t together);
  // The training has made its step of that number, from 1.
  void stepped(std::int64_t step);

 private:
  Timings& timings_;
  std::size_t together_;
  std::chrono::steady_clock::time_point begin_;
  std::optional<Timings::Clock> clock_;
};

}  // namespace rankscope
