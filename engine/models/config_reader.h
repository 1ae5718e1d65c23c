// What the families' config readers share.
#pragma once

#include <string>

#include "common/json.h"
#include "engine/models/config.h"

namespace rankscope {

// Bounds on what a config may claim. Far above any model there is, and small enough that no product
// of them that is formed here overflows 64 bits.
inline constexpr int64_t kMaxWidth = int64_t{1} << 20;
inline constexpr int64_t kMaxLayers = 4096;
inline constexpr int64_t kMaxVocabulary = int64_t{1} << 26;
inline constexpr int64_t kMaxContext = int64_t{1} << 28;

// Keys of every family: eos_token_id (a number, a list, or null) into config.eos_ids, those inside
// config.vocabulary, which the caller has read before; and the refusal of what no family here
// computes: quantization_config, pruned_heads, auto_map (code of its own), is_encoder_decoder,
// is_causal: false.
void read_common_keys(JsonObject& json, ModelConfig& config);

// rope_parameters (today's spelling, with rope_theta inside) or rope_theta and rope_scaling (the
// older one). The types default, linear and llama3; partial_rotary_factor other than 1, and
// parameters that differ by layer type, are refused.
RotarySettings read_rotary(JsonObject& json, int64_t context);

// Refuses a key that is neither absent, null nor false.
void refuse_if_true(JsonObject& json, const std::string& key, const std::string& reason);

}  // namespace rankscope
