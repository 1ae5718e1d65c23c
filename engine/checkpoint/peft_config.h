// adapter_config.json of a LoRA adapter, with PEFT's rules for which modules it means.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <regex>
#include <string>
#include <vector>

#include "common/json.h"

namespace rankscope {

// A regular expression out of a config, matched against module names as Python's `re` would.
// Bounded: at most 256 characters, no counted repetition, and an automaton instead of backtracking,
// so that no pattern can take exponential time. Throws InputError for one it cannot read.
class ModulePattern {
 public:
  ModulePattern(const std::string& pattern, const std::string& where);
  // The whole of `module` matches.
  bool matches(const std::string& module) const;
  // A suffix that starts at a name's boundary matches: PEFT's (.*\.)?(KEY)$.
  static ModulePattern suffix(const std::string& key, const std::string& where);

 private:
  std::regex expression_;
};

class PeftConfig {
 public:
  // Refuses by name every field that changes results and is not supported here. Modules that were saved
  // whole beside the factors (modules_to_save, a classifier's head) are no hindrance to who looks at
  // the factors alone.
  enum class SavedModules { kRefuse, kPassOver };
  static PeftConfig read(const std::filesystem::path& path, SavedModules saved = SavedModules::kRefuse);

  // Whether PEFT would adapt the module of that path ("model.layers.0.self_attn.q_proj").
  bool targets(const std::string& module) const;
  int64_t rank(const std::string& module) const;
  // alpha / r, or alpha / sqrt(r) with use_rslora.
  double scale(const std::string& module) const;
  double dropout() const { return dropout_; }
  // Whether a tensor belongs to a module that was saved whole: one of its names stands in
  // modules_to_save.
  bool saves(const std::string& tensor) const;

 private:
  using Patterns = std::vector<std::pair<ModulePattern, double>>;
  void read_targets(JsonObject& json);
  static Patterns read_patterns(JsonObject& json, const std::string& key, double low);

  int64_t rank_ = 8;
  double alpha_ = 8;
  double dropout_ = 0;
  bool rslora_ = false;
  bool all_linear_ = false;
  std::vector<std::string> saved_;
  std::vector<std::string> target_names_;
  std::unique_ptr<ModulePattern> target_pattern_;
  std::vector<int64_t> layers_;  // empty: every layer
  std::vector<ModulePattern> layer_patterns_;
  bool layers_apply_ = false;
  Patterns ranks_;
  Patterns alphas_;
};

}  // namespace rankscope
