// Ranking: which of some given continuations of a prompt the model finds likeliest.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/methods/method.h"
#include "engine/models/model.h"

namespace rankscope {

struct RankedPrompt {
  std::vector<int32_t> prompt;                // at least one token
  std::vector<std::vector<int32_t>> choices;  // each at least one token
};

// The log-likelihood (nats) of each choice after its prompt, summed over the choice's tokens. The
// prompt is computed once, and so is what neighbouring prompts begin with. Batches hold at most
// `tokens_at_once` tokens (counted_tokens), or one prompt; no result's bits depend on it. Calls
// on_ranked in the order of the prompts. prompt and choice together must fit into the model's
// context (std::logic_error). Throws Interrupted between batches.
void rank_choices(
    const Model& model, const Adaptation* adaptation, std::span<const RankedPrompt> prompts,
    int64_t tokens_at_once,
    const std::function<void(size_t index, std::span<const double> log_likelihoods)>& on_ranked);

}  // namespace rankscope
