#include "engine/checkpoint/peft_config.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "common/error.h"
#include "common/text.h"

namespace rankscope {
namespace {

constexpr size_t kMaxPatternLength = 256;
constexpr size_t kMaxPatterns = 4096;
constexpr int64_t kMaxRank = int64_t{1} << 24;

// Fields that tell how an adapter was started, stored or named, not what it computes.
const std::set<std::string> kHarmless = {"alora_invocation_string",
                                         "auto_mapping",
                                         "base_model_name_or_path",
                                         "corda_config",
                                         "eva_config",
                                         "inference_mode",
                                         "loftq_config",
                                         "lora_ga_config",
                                         "megatron_core",
                                         "peft_version",
                                         "qalora_group_size",
                                         "revision",
                                         "runtime_config",
                                         "task_type"};

// Absent, null, false, or empty: a feature that is not in use.
bool in_use(const Json& value) {
  if (value.is_null() || value == false) return false;
  return !(value.is_string() || value.is_array() || value.is_object()) || !value.empty();
}

// What init_lora_weights may say: some of its kinds change the base's own weights when an adapter
// is made, and so what the adapter means.
void check_init(JsonObject& json) {
  const Json* init = json.find("init_lora_weights");
  if (init == nullptr || init->is_boolean()) return;
  if (*init == "gaussian" || *init == "orthogonal" || *init == "eva") return;
  json.fail("init_lora_weights", "is " + json_excerpt(*init) +
                                     ", which changes the base's weights; convert the adapter to "
                                     "plain LoRA with PEFT (save_pretrained with "
                                     "path_initial_model_for_weight_conversion)");
}

// A backslash, itself not escaped, before a digit.
bool has_back_reference(const std::string& pattern) {
  for (size_t i = 0; i + 1 < pattern.size(); ++i) {
    if (pattern[i] != '\\') continue;
    ++i;
    if (pattern[i] >= '0' && pattern[i] <= '9') return true;
  }
  return false;
}

}  // namespace

ModulePattern::ModulePattern(const std::string& pattern, const std::string& where) {
  // libstdc++ overflows on the long numbers that a repetition or a back reference may have.
  if (pattern.size() > kMaxPatternLength || pattern.find('{') != std::string::npos ||
      has_back_reference(pattern)) {
    throw InputError(where + ": the pattern '" + printable(pattern) +
                     "' is too long or has a counted repetition or a back reference; list the "
                     "modules' names");
  }
  try {
    expression_ = std::regex(pattern, std::regex::ECMAScript | std::regex_constants::__polynomial);
  } catch (const std::regex_error&) {
    throw InputError(where + ": the pattern '" + printable(pattern) +
                     "' cannot be read as a regular expression; list the modules' names");
  }
}

ModulePattern ModulePattern::suffix(const std::string& key, const std::string& where) {
  return ModulePattern("(.*\\.)?(" + key + ")", where);
}

bool ModulePattern::matches(const std::string& module) const {
  return std::regex_match(module, expression_);
}

bool PeftConfig::saves(const std::string& tensor) const {
  return std::ranges::any_of(saved_, [&](const std::string& name) {
    return tensor.find("." + name + ".") != std::string::npos;
  });
}

PeftConfig PeftConfig::read(const std::filesystem::path& path, SavedModules saved) {
  const Json parsed = read_json_file(path.string(), {.max_bytes = uint64_t{16} << 20});
  JsonObject json(parsed, path.string(), JsonObject::Nulls::kAbsent);
  PeftConfig config;
  const std::string type = json.get_string("peft_type");
  if (type != "LORA") {
    json.fail("peft_type", "is '" + printable(type) + "', which is not supported; LORA is");
  }
  const std::string bias = json.get_string_or("bias", "none");
  if (bias != "none") {
    json.fail("bias", "is '" + printable(bias) + "': adapters with biases are not supported");
  }
  check_init(json);
  config.rank_ = json.get_int_or("r", 8, 1, kMaxRank);
  config.alpha_ = json.get_double_or("lora_alpha", 8, -1e12, 1e12);
  config.dropout_ = json.get_double_or("lora_dropout", 0, 0, 0.999);
  config.rslora_ = json.get_bool_or("use_rslora", false);
  json.get_bool_or("fan_in_fan_out", false);  // PEFT itself corrects it by the module's class
  config.read_targets(json);
  config.ranks_ = read_patterns(json, "rank_pattern", 1);
  config.alphas_ = read_patterns(json, "alpha_pattern", -1e12);
  if (saved == SavedModules::kPassOver && json.has("modules_to_save"))
    config.saved_ = json.get_string_array("modules_to_save");
  std::set<std::string> read = {
      "peft_type",      "bias",           "init_lora_weights", "r",
      "lora_alpha",     "lora_dropout",   "use_rslora",        "fan_in_fan_out",
      "target_modules", "layers_pattern", "rank_pattern",      "layers_to_transform",
      "alpha_pattern"};
  if (saved == SavedModules::kPassOver) read.insert("modules_to_save");
  for (const auto& [key, value] : parsed.items()) {
    if (read.contains(key) || kHarmless.contains(key) || !in_use(value)) continue;
    json.fail(printable(key), "is " + json_excerpt(value) +
                                  ": this feature of PEFT is not supported; merge the adapter "
                                  "into its base with PEFT instead");
  }
  return config;
}

void PeftConfig::read_targets(JsonObject& json) {
  const Json* target = json.find("target_modules");
  if (target == nullptr) json.fail("target_modules", "is missing");
  if (target->is_string()) {
    const std::string word = target->get<std::string>();
    all_linear_ = word == "all-linear";
    if (!all_linear_) {
      target_pattern_ =
          std::make_unique<ModulePattern>(word, json.where() + ": field 'target_modules'");
    }
    return;  // as in PEFT, layers_to_transform goes with a list alone
  }
  target_names_ = json.get_string_array("target_modules");
  const Json* layers = json.find("layers_to_transform");
  if (layers == nullptr) return;
  layers_ = layers->is_array() ? json.get_int_array("layers_to_transform")
                               : std::vector<int64_t>{json.get_int("layers_to_transform")};
  layers_apply_ = !layers_.empty();
  std::vector<std::string> patterns;
  if (const Json* pattern = json.find("layers_pattern")) {
    patterns = pattern->is_array() ? json.get_string_array("layers_pattern")
                                   : std::vector<std::string>{json.get_string("layers_pattern")};
  }
  std::erase(patterns, "");
  if (patterns.empty()) patterns.push_back("[^.]*");
  for (const std::string& pattern : patterns) {
    layer_patterns_.push_back(
        ModulePattern::suffix(pattern, json.where() + ": field 'layers_pattern'"));
  }
}

PeftConfig::Patterns PeftConfig::read_patterns(JsonObject& json, const std::string& key,
                                               double low) {
  Patterns patterns;
  const Json* object = json.find(key);
  if (object == nullptr) return patterns;
  JsonObject values = json.get_object(key);
  if (object->size() > kMaxPatterns) json.fail(key, "has too many entries");
  for (const auto& [pattern, value] : object->items()) {
    const double number = values.get_double(pattern, low, 1e12);
    if (key == "rank_pattern") values.get_int(pattern, 1, kMaxRank);
    patterns.emplace_back(ModulePattern::suffix(pattern, json.where() + ": field '" + key + "'"),
                          number);
  }
  return patterns;
}

bool PeftConfig::targets(const std::string& module) const {
  if (all_linear_) return true;
  if (target_pattern_) return target_pattern_->matches(module);
  const bool named = std::any_of(
      target_names_.begin(), target_names_.end(),
      [&](const std::string& name) { return module == name || module.ends_with("." + name); });
  if (!named || !layers_apply_) return named;
  // The layer is the first number between two dots whose prefix a layer pattern matches.
  for (size_t begin = module.find('.'); begin != std::string::npos;
       begin = module.find('.', begin + 1)) {
    const size_t end = module.find('.', begin + 1);
    if (end == std::string::npos) return false;
    const std::string number = module.substr(begin + 1, end - begin - 1);
    if (number.empty() || number.size() > 9 ||
        number.find_first_not_of("0123456789") != std::string::npos) {
      continue;
    }
    const std::string prefix = module.substr(0, begin);
    const bool layer = std::any_of(layer_patterns_.begin(), layer_patterns_.end(),
                                   [&](const ModulePattern& p) { return p.matches(prefix); });
    if (layer)
      return std::find(layers_.begin(), layers_.end(), std::stoll(number)) != layers_.end();
  }
  return false;
}

int64_t PeftConfig::rank(const std::string& module) const {
  for (const auto& [pattern, rank] : ranks_) {
    if (pattern.matches(module)) return static_cast<int64_t>(rank);
  }
  return rank_;
}

double PeftConfig::scale(const std::string& module) const {
  double alpha = alpha_;
  for (const auto& [pattern, value] : alphas_) {
    if (!pattern.matches(module)) continue;
    alpha = value;
    break;
  }
  const auto r = static_cast<double>(rank(module));
  return alpha / (rslora_ ? std::sqrt(r) : r);
}

}  // namespace rankscope
