// Reading config.json. A key can change a result only if transformers' class of that model_type
// reads it. Those keys are read or refused by name; all others (names, versions, dtype, special
// tokens, use_cache, initializer_range, summary_*, generation settings, what other tools leave) are
// passed over, as transformers passes over them.
#include "engine/models/config.h"

#include <limits>

#include "common/error.h"
#include "common/files.h"
#include "common/json.h"
#include "common/suggest.h"
#include "common/text.h"
#include "engine/models/config_reader.h"
#include "engine/models/model.h"

namespace rankscope {
namespace {

constexpr JsonLimits kConfigLimits{.max_bytes = uint64_t{8} << 20, .max_depth = 32};

// An id outside the vocabulary is no end token: no model gives it. transformers writes such a one,
// its default of 50256, for a GPT-2 whose vocabulary alone was made smaller.
void add_end_token(JsonObject& json, const Json& value, ModelConfig& config) {
  if (!value.is_number_integer() || value < 0 || value > std::numeric_limits<int32_t>::max()) {
    json.fail("eos_token_id", "must be a token id or a list of them, not " + json_excerpt(value));
  }
  const auto id = value.get<int64_t>();
  if (id < config.vocabulary) config.eos_ids.push_back(id);
}

bool nested_by_layer_type(const Json& rope) {
  return rope.contains("full_attention") || rope.contains("sliding_attention");
}

// The object that holds the rope's type and factors, and under which key it stands.
struct RopeSource {
  std::optional<JsonObject> object;
  std::string key;
};

RopeSource find_rope(JsonObject& json) {
  // A config that transformers once rewrote may hold both; then it reads rope_scaling.
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    const Json* value = json.find(key);
    if (value == nullptr || (value->is_object() && value->empty())) continue;
    RopeSource source{json.get_object(key), key};
    if (nested_by_layer_type(*value)) {
      json.fail(key, "has one setting per layer type, which is not supported");
    }
    return source;
  }
  return {};
}

}  // namespace

void refuse_if_true(JsonObject& json, const std::string& key, const std::string& reason) {
  if (json.get_bool_or(key, false)) json.fail(key, "is true: " + reason);
}

void read_common_keys(JsonObject& json, ModelConfig& config) {
  if (json.has("quantization_config")) {
    json.fail(
        "quantization_config",
        "is set: quantized checkpoints are not supported; use the folder of the full weights");
  }
  if (const Json* pruned = json.find("pruned_heads"); pruned != nullptr && !pruned->empty()) {
    json.fail("pruned_heads", "is set: pruned models are not supported");
  }
  if (json.has("auto_map")) {
    json.fail("auto_map", "is set: models that bring code of their own are not supported");
  }
  refuse_if_true(json, "is_encoder_decoder", "only decoder-only models are supported");
  if (!json.get_bool_or("is_causal", true))
    json.fail("is_causal", "is false: attention to later tokens is not supported");
  if (const Json* eos = json.find("eos_token_id")) {
    if (eos->is_array()) {
      for (const Json& id : *eos) add_end_token(json, id, config);
    } else {
      add_end_token(json, *eos, config);
    }
  }
}

RotarySettings read_rotary(JsonObject& json, int64_t context) {
  constexpr double kLargest = 1e12;
  RotarySettings rotary;
  rotary.theta = json.get_double_or("rope_theta", 10000.0, 1.0, kLargest);
  if (json.get_double_or("partial_rotary_factor", 1.0) != 1.0) {
    json.fail("partial_rotary_factor", "is not 1: partial rotation is not supported");
  }
  RopeSource source = find_rope(json);
  if (!source.object) return rotary;
  JsonObject& rope = *source.object;
  rotary.theta = rope.get_double_or("rope_theta", rotary.theta, 1.0, kLargest);
  if (rope.get_double_or("partial_rotary_factor", 1.0) != 1.0) {
    rope.fail("partial_rotary_factor", "is not 1: partial rotation is not supported");
  }
  const std::string older = rope.get_string_or("type", "default");
  rotary.type = rope.get_string_or("rope_type", older);
  if (rotary.type == "default") return rotary;
  if (rotary.type != "linear" && rotary.type != "llama3") {
    rope.fail("rope_type", "is '" + printable(rotary.type) +
                               "', which is not supported; supported are default, linear, llama3");
  }
  rotary.factor = rope.get_double("factor", 1e-6, kLargest);
  if (rotary.type == "linear") return rotary;
  rotary.low_freq_factor = rope.get_double("low_freq_factor", 1e-6, kLargest);
  rotary.high_freq_factor = rope.get_double("high_freq_factor", 1e-6, kLargest);
  if (rotary.high_freq_factor <= rotary.low_freq_factor) {
    rope.fail("high_freq_factor", "must be greater than low_freq_factor");
  }
  const std::string positions = "original_max_position_embeddings";
  // As transformers: the top level wins, then the rope's own key, then the context.
  rotary.original_positions = json.get_int_or(
      positions, rope.get_int_or(positions, context, 1, kMaxContext), 1, kMaxContext);
  return rotary;
}

const SiteSpec* ModelShape::find(Site site) const {
  for (const SiteSpec& spec : sites) {
    if (spec.site == site) return &spec;
  }
  return nullptr;
}

const TensorSpec* ModelShape::find_tensor(std::string_view name) const {
  for (const TensorSpec& spec : tensors) {
    if (spec.name == name) return &spec;
  }
  return nullptr;
}

int64_t TensorSpec::size() const {
  int64_t size = 1;
  for (int64_t dimension : shape) size *= dimension;
  return size;
}

int64_t ModelShape::parameters() const {
  int64_t total = 0;
  for (const TensorSpec& tensor : tensors) total += tensor.size();
  return total;
}

std::string context_text(const ModelConfig& config) {
  const std::string whole = std::to_string(config.context + config.context_taken);
  if (config.context_taken == 0) return whole;
  return whole + ", of which special tokens take " + std::to_string(config.context_taken);
}

bool ModelShape::has_site_kind(SiteKind kind) const { return find(Site{0, kind}) != nullptr; }

ModelShape parse_model_shape(std::string_view text, const std::string& source_name) {
  const Json parsed = parse_json(text, source_name, kConfigLimits);
  JsonObject json(parsed, source_name, JsonObject::Nulls::kAbsent);
  const std::string model_type = json.get_string("model_type");
  std::vector<std::string> known;
  for (const ModelFamily& family : model_families()) {
    if (family.model_type == model_type) return family.read(json, parsed);
    known.emplace_back(family.model_type);
  }
  std::string list;
  for (const std::string& name : known) list += (list.empty() ? "" : ", ") + name;
  json.fail("model_type", "is '" + printable(model_type) + "', which is not supported" +
                              did_you_mean(model_type, known) + "; supported are " + list);
}

ModelShape read_model_shape(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "config.json";
  if (!is_there(path)) {
    throw InputError("model folder '" + printable_path(folder) +
                     "' has no config.json; give the path of a Hugging Face model folder");
  }
  return parse_model_shape(read_regular_file(path, kConfigLimits.max_bytes), printable_path(path));
}

}  // namespace rankscope
