// What a trial cost, in a file beside its results: added up over all processes that worked on it.
// Nothing else depends on it.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <string>

namespace rankscope {

class Timings {
 public:
  // Of a folder's timings.json; what cannot be read is forgotten.
  explicit Timings(const std::filesystem::path& folder);

  void add(const std::string& name, double value) { values_[name] += value; }
  void set(const std::string& name, double value) { values_[name] = value; }
  const std::map<std::string, double>& values() const { return values_; }
  void save() const;

  // Adds the time of its life to one value, and writes it down now and then, so that a process that
  // is killed loses a few seconds at most.
  class Clock {
   public:
    Clock(Timings& timings, std::string name);
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

}  // namespace rankscope
