// adapter_config.json of an adapter of low-rank updates (LoRA, DoRA, AdaLoRA), with PEFT's rules
// for which modules it means.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/json.h"
#include "engine/checkpoint/module_pattern.h"

namespace rankscope {

// The largest rank that a file may state.
inline constexpr int64_t kMostReadRank = int64_t{1} << 24;

// Whether a field's value says that the feature is used: not where it is null, false, or empty.
bool peft_field_in_use(const Json& value);

// What an adapter has at a module beside A and B: nothing, DoRA's magnitudes (use_dora), AdaLoRA's
// E.
enum class PeftKind { kLora, kDora, kAdaLora };

class PeftConfig {
 public:
  // Refuses by name every field that changes results and is not supported here. Modules that were
  // saved whole beside the factors (modules_to_save, a classifier's head) are no hindrance to who
  // looks at the factors alone.
  enum class SavedModules { kRefuse, kPassOver };
  static PeftConfig read(const std::filesystem::path& path,
                         SavedModules saved = SavedModules::kRefuse);

  PeftKind kind() const { return kind_; }
  // Whether PEFT would adapt the module of that path ("model.layers.0.self_attn.q_proj").
  bool targets(const std::string& module) const;
  // At least 1; of AdaLoRA the triples that are left, and there may be none.
  int64_t rank(const std::string& module) const;
  // alpha / r, or alpha / sqrt(r) with use_rslora; of AdaLoRA alpha / (init_r + 1e-5), whatever is
  // left.
  double scale(const std::string& module) const;
  double dropout() const { return dropout_; }
  // Whether a tensor belongs to a module that was saved whole: one of its names stands in
  // modules_to_save.
  bool saves(const std::string& tensor) const;

 private:
  using Patterns = std::vector<std::pair<ModulePattern, double>>;
  void read_targets(JsonObject& json);
  void read_kept_triples(JsonObject& json);
  static Patterns read_patterns(JsonObject& json, const OrderedJson& ordered,
                                const std::string& key, double low);

  PeftKind kind_ = PeftKind::kLora;
  int64_t rank_ = 8;  // init_r of AdaLoRA
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
  std::map<std::string, int64_t> kept_triples_;  // of AdaLoRA, by module
};

}  // namespace rankscope
