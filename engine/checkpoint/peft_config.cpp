#include "engine/checkpoint/peft_config.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "common/error.h"
#include "common/files.h"
#include "common/text.h"

namespace rankscope {
namespace {

constexpr size_t kMaxPatterns = 4096;
constexpr uint64_t kMaxConfigBytes = uint64_t{16} << 20;

// Fields that tell how an adapter was started, stored or named, not what it computes.
const std::set<std::string> kHarmlessOfLora = {"alora_invocation_string",
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

// What AdaLoRA's training went by.
const std::set<std::string> kHarmlessOfAdaLora = {"beta1",           "beta2", "deltaT",
                                                  "orth_reg_weight", "r",     "target_r",
                                                  "tfinal",          "tinit", "total_step"};

constexpr std::string_view kTriples = ".lora_E";

// What init_lora_weights may say: some of its kinds change the base's own weights when an adapter
// is made, and so what the adapter means.
void check_init(JsonObject& json) {
  const Json* init = json.find("init_lora_weights");
  if (init == nullptr || init->is_boolean()) return;
  if (init->is_string()) {
    std::string kind = *init;
    std::ranges::transform(kind, kind.begin(), ascii_lower);
    static const std::set<std::string> kOfFactorsAlone = {"eva", "gaussian", "mica", "orthogonal"};
    if (kOfFactorsAlone.contains(kind)) return;
  }
  json.fail("init_lora_weights", "is " + json_excerpt(*init) +
                                     ", which changes the base's weights; convert the adapter to "
                                     "plain LoRA with PEFT (save_pretrained with "
                                     "path_initial_model_for_weight_conversion)");
}

}  // namespace

bool peft_field_in_use(const Json& value) {
  if (value.is_null() || value == false) return false;
  return !(value.is_string() || value.is_array() || value.is_object()) || !value.empty();
}

bool PeftConfig::saves(const std::string& tensor) const {
  return std::ranges::any_of(saved_, [&](const std::string& name) {
    return tensor.find("." + name + ".") != std::string::npos;
  });
}

PeftConfig PeftConfig::read(const std::filesystem::path& path, SavedModules saved) {
  const std::string text = read_regular_file(path, kMaxConfigBytes);
  const Json parsed = parse_json(text, printable_path(path), {.max_bytes = kMaxConfigBytes});
  // Again, for the order in which the entries of a pattern table are tried.
  const OrderedJson ordered = OrderedJson::parse(text);
  JsonObject json(parsed, printable_path(path), JsonObject::Nulls::kAbsent);
  PeftConfig config;
  const std::string type = json.get_string("peft_type");
  if (type != "LORA" && type != "ADALORA") {
    json.fail("peft_type",
              "is '" + printable(type) +
                  "', which is not supported here; supported are LORA and ADALORA, and "
                  "for a whole adapter PREFIX_TUNING and PROMPT_TUNING");
  }
  const bool adalora = type == "ADALORA";
  if (adalora) config.kind_ = PeftKind::kAdaLora;
  const std::string bias = json.get_string_or("bias", "none");
  if (bias != "none") {
    json.fail("bias", "is '" + printable(bias) + "': adapters with biases are not supported");
  }
  check_init(json);
  // PEFT, too, takes its own value for an absent key alone.
  for (const char* key : {"lora_alpha", "lora_dropout", "r", "init_r"})
    if (const auto found = parsed.find(key); found != parsed.end() && found->is_null())
      json.fail(key, "is null; give a number");
  config.alpha_ = json.get_double_or("lora_alpha", 8, -1e12, 1e12);
  config.dropout_ = json.get_double_or("lora_dropout", 0, 0, 0.999);
  json.get_bool_or("fan_in_fan_out", false);  // PEFT itself corrects it by the module's class
  config.read_targets(json);
  std::set<std::string> read = {"peft_type",      "bias",           "init_lora_weights",
                                "lora_alpha",     "lora_dropout",   "fan_in_fan_out",
                                "target_modules", "layers_pattern", "layers_to_transform",
                                "rank_pattern"};
  if (adalora) {
    config.rank_ = json.get_int_or("init_r", 12, 1, kMostReadRank);
    config.read_kept_triples(json);
    read.insert("init_r");
    read.insert(kHarmlessOfAdaLora.begin(), kHarmlessOfAdaLora.end());
  } else {
    config.rank_ = json.get_int_or("r", 8, 1, kMostReadRank);
    config.rslora_ = json.get_bool_or("use_rslora", false);
    if (json.get_bool_or("use_dora", false)) config.kind_ = PeftKind::kDora;
    config.ranks_ = read_patterns(json, ordered, "rank_pattern", 1);
    config.alphas_ = read_patterns(json, ordered, "alpha_pattern", -1e12);
    read.insert({"r", "use_rslora", "use_dora", "alpha_pattern"});
  }
  if (saved == SavedModules::kPassOver && json.has("modules_to_save"))
    config.saved_ = json.get_string_array("modules_to_save");
  if (saved == SavedModules::kPassOver) read.insert("modules_to_save");
  for (const auto& [key, value] : parsed.items()) {
    if (read.contains(key) || kHarmlessOfLora.contains(key) || !peft_field_in_use(value)) continue;
    json.fail(printable(key),
              "is " + json_excerpt(value) + ": this feature of PEFT is not supported" +
                  (key == "alora_invocation_tokens"
                       ? ", and an adapter that begins within a prompt has no merged form"
                       : "; merge the adapter into its base with PEFT instead"));
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

PeftConfig::Patterns PeftConfig::read_patterns(JsonObject& json, const OrderedJson& ordered,
                                               const std::string& key, double low) {
  Patterns patterns;
  const Json* object = json.find(key);
  if (object == nullptr) return patterns;
  JsonObject values = json.get_object(key);
  if (object->size() > kMaxPatterns) json.fail(key, "has too many entries");
  for (const auto& [pattern, value] : ordered.at(key).items()) {
    const double number = values.get_double(pattern, low, 1e12);
    if (key == "rank_pattern") values.get_int(pattern, 1, kMostReadRank);
    patterns.emplace_back(ModulePattern::suffix(pattern, json.where() + ": field '" + key + "'"),
                          number);
  }
  return patterns;
}

// {"model.layers.0.self_attn.q_proj.lora_E": [true, false, ...]}, init_r booleans a module; null
// where training ended before any triple was given up.
void PeftConfig::read_kept_triples(JsonObject& json) {
  const Json* object = json.find("rank_pattern");
  if (object == nullptr) return;
  json.get_object("rank_pattern");
  if (object->size() > kMaxPatterns) json.fail("rank_pattern", "has too many entries");
  for (const auto& [name, kept] : object->items()) {
    const bool booleans = kept.is_array() && std::ssize(kept) == rank_ &&
                          std::ranges::all_of(kept, [](const Json& x) { return x.is_boolean(); });
    if (!name.ends_with(kTriples) || !booleans) {
      json.fail("rank_pattern", "has at '" + printable(name) +
                                    "' no list of init_r booleans of a "
                                    "module's lora_E");
    }
    kept_triples_[name.substr(0, name.size() - kTriples.size())] =
        std::ranges::count(kept, Json(true));
  }
}

bool PeftConfig::targets(const std::string& module) const {
  if (all_linear_) return true;
  if (target_pattern_) return target_pattern_->matches(module);
  // A whole path is meant whatever layers_to_transform says.
  if (std::ranges::find(target_names_, module) != target_names_.end()) return true;
  const bool named =
      std::any_of(target_names_.begin(), target_names_.end(),
                  [&](const std::string& name) { return module.ends_with("." + name); });
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
  // In an adapter of the model without its head the names lack a beginning.
  for (const auto& [name, kept] : kept_triples_) {
    if (module == name || module.ends_with("." + name)) return kept;
  }
  for (const auto& [pattern, rank] : ranks_) {
    if (pattern.matches(module)) return static_cast<int64_t>(rank);
  }
  return rank_;
}

double PeftConfig::scale(const std::string& module) const {
  if (kind_ == PeftKind::kAdaLora) {
    const double alpha = alpha_ > 0 ? alpha_ : static_cast<double>(rank(module));
    return alpha / (static_cast<double>(rank_) + 1e-5);
  }
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
