#include "experiments/predictions.h"

#include <algorithm>
#include <cmath>

#include "common/error.h"
#include "common/text.h"
#include "engine/decoding/ranking.h"

namespace rankscope {

namespace {

using OnPrediction = std::function<void(std::size_t, PromptPrediction)>;

void generate_free(const Model& model, const Adaptation* adaptation, const BaseTokenizer* tokenizer,
                   std::span<const Prompt> prompts, const std::vector<std::size_t>& chosen,
                   const DecodingSettings& decoding, const GeneratorOptions& options,
                   const OnPrediction& on_prediction) {
  std::vector<std::vector<std::int32_t>> ids;
  for (const std::size_t i : chosen) ids.push_back(prompts[i].ids);
  generate(model, adaptation, ids, decoding, options,
           [&](std::size_t index, Prediction prediction) {
             PromptPrediction out;
             std::span<const std::int32_t> text = prediction.ids;
             if (prediction.ended) text = text.first(text.size() - 1);
             if (tokenizer != nullptr) out.text = tokenizer->decode(text);
             if (decoding.beams > 1) out.score = prediction.score;
             out.tokens = prediction.ids.size();
             out.ids = std::move(prediction.ids);
             on_prediction(chosen[index], std::move(out));
           });
}

void pick_choices(const Model& model, const Adaptation* adaptation, std::span<const Prompt> prompts,
                  const std::vector<std::size_t>& chosen, const GeneratorOptions& options,
                  const OnPrediction& on_prediction) {
  std::vector<RankedPrompt> ranked;
  for (const std::size_t i : chosen) ranked.push_back({prompts[i].ids, prompts[i].choices});
  rank_choices(model, adaptation, ranked, options.prompt_tokens_at_once,
               [&](std::size_t index, std::span<const double> log_likelihoods) {
                 const Prompt& prompt = prompts[chosen[index]];
                 PromptPrediction out;
                 std::size_t best = 0;
                 for (std::size_t k = 0; k < log_likelihoods.size(); ++k) {
                   if (!std::isfinite(log_likelihoods[k])) {
                     throw NonFiniteOutput("'" + printable(prompt.id) +
                                           "': the likelihood of a choice is not finite; was the "
                                           "adapter's training stable?");
                   }
                   if (log_likelihoods[k] > log_likelihoods[best]) best = k;
                   out.tokens += prompt.choices[k].size();
                 }
                 out.text = prompt.choice_texts[best];
                 out.ids = prompt.choices[best];
                 out.log_likelihoods.assign(log_likelihoods.begin(), log_likelihoods.end());
                 on_prediction(chosen[index], std::move(out));
               });
}

// What neighbours begin with is computed once.
void bring_alike_together(std::span<const Prompt> prompts, std::span<std::size_t> chosen) {
  std::ranges::stable_sort(
      chosen, {}, [&](std::size_t i) -> const auto& { return prompts[i].ids; });
}

}  // namespace

void predict(const Model& model, const Adaptation* adaptation, const BaseTokenizer* tokenizer,
             std::span<const Prompt> prompts, const DecodingSettings& decoding,
             const GeneratorOptions& options, std::size_t reordered,
             const OnPrediction& on_prediction) {
  std::vector<std::size_t> free, ranked;
  for (std::size_t i = 0; i < prompts.size(); ++i)
    (prompts[i].choices.empty() ? free : ranked).push_back(i);
  for (std::vector<std::size_t>* chosen : {&free, &ranked}) {
    for (std::size_t i = 0; i < chosen->size(); i += reordered)
      bring_alike_together(prompts,
                           std::span(*chosen).subspan(i, std::min(reordered, chosen->size() - i)));
  }
  pick_choices(model, adaptation, prompts, ranked, options, on_prediction);
  generate_free(model, adaptation, tokenizer, prompts, free, decoding, options, on_prediction);
}

}  // namespace rankscope
