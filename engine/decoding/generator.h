// Generator: continues prompts, many at a time. A prediction that is finished leaves the batch and
// the next prompt takes its place; what neighbouring prompts begin with is computed once. No
// prediction's bits depend on what it shared a batch with.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/decoding/search.h"
#include "engine/methods/method.h"
#include "engine/models/model.h"

namespace rankscope {

struct GeneratorOptions {
  int64_t in_flight = 32;                // prompts continued at a time
  int64_t prompt_tokens_at_once = 1024;  // of prompts that join in one step; one prompt may be more
};

// Continues each prompt (at least one token; together with max_new at most the model's context:
// std::logic_error) and hands over its prediction with its index, in the order in which they end.
// `adaptation` null: the base alone, or with a merged adapter. Calls on_prediction from one thread
// at a time, and never again after it has thrown. Throws Interrupted between two steps when a stop
// was requested.
void generate(const Model& model, const Adaptation* adaptation,
              std::span<const std::vector<int32_t>> prompts, const DecodingSettings& settings,
              const GeneratorOptions& options,
              const std::function<void(size_t index, Prediction prediction)>& on_prediction);

}  // namespace rankscope
