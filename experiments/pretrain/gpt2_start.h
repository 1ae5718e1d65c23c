// A GPT-2 before its first step: config.json and the initial weights.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "common/json.h"
#include "engine/models/config.h"
#include "experiments/pretrain/pretrain_file.h"

namespace rankscope {

// In transformers' form, without dropout and with a tied head. `dtype`: that of the weights.
OrderedJson gpt2_config(const PretrainPlan::ModelPlan& sizes, std::int64_t vocabulary,
                        std::int32_t end_token, const std::string& dtype);

// As transformers' GPT2PreTrainedModel._init_weights: matrices and both tables N(0,
// initializer_range^2), the projections that end in the residual stream (c_proj, of attention and
// MLP) narrower by sqrt(2 n_layer), norms 1, biases 0. A tensor's draws are keyed by the seed and
// its name. Where the plan says so, the positions are sine and cosine waves instead (arXiv
// 1706.03762, section 3.5), of the same root mean square: a head finds the token before it sooner.
std::vector<float> initial_weights(const TensorSpec& tensor, const PretrainPlan::ModelPlan& sizes,
                                   std::uint64_t seed);

// Writes the model's folder, whole or not at all: a Hugging Face folder in fp32.
void write_start(const std::filesystem::path& folder, const PretrainPlan& plan,
                 const std::string& tokenizer_json);

}  // namespace rankscope
