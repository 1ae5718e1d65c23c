#include "experiments/claims/training_device.h"

#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "common/text.h"
#include "results/cells.h"

namespace rankscope {

namespace {

using Facts = std::map<std::string, std::string>;  // an environment by its keys

std::string fact(const Facts& facts, const std::string& key) {
  const auto found = facts.find(key);
  return found == facts.end() ? std::string() : found->second;
}

// A GPU's ends in the precision, which is a setting and named as such (unequal_training).
std::string without_precision(std::string instruction_set) {
  for (const std::string_view precision : {", fp32", ", bf16"})
    if (instruction_set.ends_with(precision))
      instruction_set.resize(instruction_set.size() - precision.size());
  return instruction_set;
}

TrainingDevice device_of(const Facts& facts) {
  TrainingDevice device;
  bool scored_there = true;
  const auto trained_on = [&](const std::string& key) {
    const std::string scored = fact(facts, key), trained = fact(facts, "train_" + key);
    if (trained.empty()) return scored;
    scored_there &= scored == trained;
    return trained;
  };
  device.backend = trained_on("backend");
  device.instruction_set = without_precision(trained_on("instruction_set"));
  const auto recorded = [&](const std::string& key) {
    const std::string trained = fact(facts, "train_" + key);
    return trained.empty() && scored_there ? fact(facts, key) : trained;
  };
  device.processor = recorded("processor");
  device.threads = recorded("threads");
  return device;
}

}  // namespace

std::map<std::pair<std::string, std::string>, TrainingDevice> training_devices(
    ResultsReader& results) {
  std::map<std::pair<std::string, std::string>, Facts> facts;
  for (const Row& row : results.rows(
           "SELECT sweep, trial, key, value FROM environment WHERE key IN ('train_backend', "
           "'train_instruction_set', 'train_processor', 'train_threads', 'backend', "
           "'instruction_set', 'processor', 'threads')"))
    facts[{text_in(row[0]), text_in(row[1])}][text_in(row[2])] = text_in(row[3]);
  std::map<std::pair<std::string, std::string>, TrainingDevice> devices;
  for (const auto& [trial, of_trial] : facts) devices[trial] = device_of(of_trial);
  return devices;
}

std::string unequal_devices(const TrainingDevice& left, const TrainingDevice& right) {
  std::vector<std::string> parts;
  const auto compare = [&](const char* what, const std::string& one, const std::string& other) {
    if (!one.empty() && !other.empty() && one != other)
      parts.push_back(fmt::format("{} {} against {}", what, one, other));
  };
  compare("backend", left.backend, right.backend);
  // Another backend has other instructions and threads.
  if (!parts.empty()) return listed(parts);
  compare("instruction set", left.instruction_set, right.instruction_set);
  compare("processor", left.processor, right.processor);
  compare("threads", left.threads, right.threads);
  return listed(parts);
}

}  // namespace rankscope
