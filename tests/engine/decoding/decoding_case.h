// Predictions of small models, for the tests of decoding.
#pragma once

#include <vector>

#include "common/json.h"
#include "engine/decoding/generator.h"

namespace rankscope::tests {

// One line of goldens/generation.json.
struct GenerationCase {
  std::string model;
  std::vector<int32_t> prompt;
  DecodingSettings settings;
  std::vector<int32_t> ids;     // transformers' new tokens
  std::optional<double> score;  // of beam search
};
std::vector<GenerationCase> generation_cases();

// All predictions, in the order of the prompts.
std::vector<Prediction> predict(const Model& model,
                                const std::vector<std::vector<int32_t>>& prompts,
                                const DecodingSettings& settings,
                                const GeneratorOptions& options = {});

// `count` prompts of 1 to `longest` drawn tokens.
std::vector<std::vector<int32_t>> drawn_prompts(size_t count, uint64_t longest, int64_t vocabulary);
// The same, most of which begin as the one before does: with a part of it, all of it or more.
std::vector<std::vector<int32_t>> related_prompts(size_t count, uint64_t longest,
                                                  int64_t vocabulary);

}  // namespace rankscope::tests
