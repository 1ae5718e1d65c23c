// Predictions for prompts: the likeliest of a prompt's choices, or generated text.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/decoding/generator.h"
#include "engine/methods/method.h"
#include "engine/models/model.h"
#include "experiments/base_tokenizer.h"
#include "experiments/prompt_file.h"

namespace rankscope {

struct PromptPrediction {
  std::optional<std::string> text;      // none without a tokenizer
  std::vector<std::int32_t> ids;        // the end token included
  std::optional<double> score;          // beam search: log probability / length^length_penalty
  std::vector<double> log_likelihoods;  // of the choices, in nats, where the prompt has any
  std::size_t tokens = 0;               // that were generated or ranked
};

// Prompts with choices first, then the others; `on_prediction` gets the prompt's index. Each kind
// in runs of `reordered` prompts (at least one), within which those that begin alike come together.
// `adaptation` null: the base alone, or with a merged adapter; `tokenizer` may be null. Nothing of
// a prediction depends on `options` or on the other prompts. InputError where a likelihood is not
// finite or no token can be chosen (an adapter that diverged). Throws Interrupted between two
// steps.
void predict(
    const Model& model, const Adaptation* adaptation, const BaseTokenizer* tokenizer,
    std::span<const Prompt> prompts, const DecodingSettings& decoding,
    const GeneratorOptions& options, std::size_t reordered,
    const std::function<void(std::size_t index, PromptPrediction prediction)>& on_prediction);

}  // namespace rankscope
