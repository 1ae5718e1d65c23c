#include "engine/decoding/ranking.h"

#include <optional>
#include <stdexcept>

#include "common/error.h"
#include "common/interrupt.h"
#include "engine/decoding/segments.h"

namespace rankscope {

namespace {

int64_t tokens_of(const RankedPrompt& prompt, std::span<const int32_t> before, int64_t special) {
  int64_t tokens = counted_tokens(prompt.prompt, before) + special;
  for (const std::vector<int32_t>& choice : prompt.choices) tokens += std::ssize(choice) - 1;
  return tokens;
}

// At most: with special tokens of the prefix before both prompts more of their pages are full.
int64_t pages_of(const RankedPrompt& prompt, std::span<const int32_t> before, int64_t special) {
  const int64_t shared = tokens_without_row(prompt.prompt, before, SharedRows::kAny) / kPageTokens;
  int64_t pages = KvCache::pages_for(std::ssize(prompt.prompt) + special) - shared;
  for (const std::vector<int32_t>& choice : prompt.choices)
    pages += KvCache::pages_for(static_cast<int64_t>(choice.size())) + 1;
  return pages;
}

void check(const RankedPrompt& prompt, int64_t special, int64_t context) {
  bool good = !prompt.prompt.empty();
  for (const std::vector<int32_t>& choice : prompt.choices) {
    good = good && !choice.empty() &&
           static_cast<int64_t>(prompt.prompt.size() + choice.size()) + special <= context;
  }
  if (!good) throw std::logic_error("a prompt or a choice is empty or beyond the model's context");
}

// NLL of labels[i] predicted from row rows[i] of `hidden`.
std::vector<float> nll_of(const Model& model, const Tensor& hidden, const Indices& rows,
                          const Indices& labels) {
  Backend& backend = model.backend();
  Tensor gathered = backend.empty(static_cast<int64_t>(rows.size()), hidden.cols());
  backend.gather(WeightView::of(hidden.view()), rows, false, gathered.matrix());
  Tape tape(backend, false);
  const LossResult result = cross_entropy(tape, {gathered, nullptr}, model.head(), labels, {});
  return backend.to_host(result.nll.view());
}

// A choice's first token follows from the prompt's last row, the others from the choice's own rows.
class RankBatch {
 public:
  RankBatch(const Model& model, const Adaptation* adaptation, std::span<const RankedPrompt> prompts)
      : model_(model), adaptation_(adaptation), prompts_(prompts), kept_(prompts.size()) {
    const SpecialTokens special = special_tokens_of(adaptation);
    int64_t pages = 0;
    std::span<const int32_t> before;
    for (const RankedPrompt& prompt : prompts) {
      computed_.push_back(with_special_tokens(special, prompt.prompt));
      pages += pages_of(prompt, before, special.count());
      before = prompt.prompt;
    }
    cache_.emplace(model.config(), model.backend(), pages);
  }

  // In the order of prompts, choices and tokens.
  std::vector<double> log_likelihoods() {
    const std::vector<float> first = first_tokens();
    const std::vector<float> rest = other_tokens();
    std::vector<double> sums;
    size_t next = 0;
    for (const RankedPrompt& prompt : prompts_) {
      for (const std::vector<int32_t>& choice : prompt.choices) {
        double sum = -static_cast<double>(first[sums.size()]);
        for (size_t i = 1; i < choice.size(); ++i) sum -= static_cast<double>(rest[next++]);
        sums.push_back(sum);
      }
    }
    return sums;
  }

 private:
  std::vector<float> first_tokens() {
    std::vector<Segment> segments;
    Indices rows, labels;
    for (size_t p = 0; p < prompts_.size(); ++p) {
      segments.push_back({&kept_[p], computed_[p], 1});
      for (const std::vector<int32_t>& choice : prompts_[p].choices) {
        rows.push_back(static_cast<int32_t>(p));
        labels.push_back(choice[0]);
      }
    }
    return nll_of(model_, run_segments(model_, adaptation_, *cache_, segments), rows, labels);
  }

  std::vector<float> other_tokens() {
    std::vector<CachedSequence> sequences;
    std::vector<std::span<const int32_t>> inputs;
    Indices rows, labels;
    for (size_t p = 0; p < prompts_.size(); ++p) {
      for (const std::vector<int32_t>& choice : prompts_[p].choices) {
        if (choice.size() < 2) continue;
        sequences.push_back(cache_->fork(kept_[p]));
        inputs.push_back(std::span(choice).first(choice.size() - 1));
        labels.insert(labels.end(), choice.begin() + 1, choice.end());
      }
    }
    if (labels.empty()) return {};
    std::vector<Segment> segments;
    for (size_t i = 0; i < sequences.size(); ++i)
      segments.push_back({&sequences[i], inputs[i], static_cast<int64_t>(inputs[i].size())});
    const Tensor hidden = run_segments(model_, adaptation_, *cache_, segments);
    for (int64_t r = 0; r < hidden.rows(); ++r) rows.push_back(static_cast<int32_t>(r));
    return nll_of(model_, hidden, rows, labels);
  }

  const Model& model_;
  const Adaptation* adaptation_;
  std::span<const RankedPrompt> prompts_;
  std::vector<std::vector<int32_t>> computed_;  // prompts with the method's special tokens
  std::vector<CachedSequence> kept_;
  std::optional<KvCache> cache_;
};

}  // namespace

void rank_choices(
    const Model& model, const Adaptation* adaptation, std::span<const RankedPrompt> prompts,
    int64_t tokens_at_once,
    const std::function<void(size_t index, std::span<const double> log_likelihoods)>& on_ranked) {
  const int64_t special = special_tokens_of(adaptation).count();
  for (const RankedPrompt& prompt : prompts) check(prompt, special, model.config().context);
  for (size_t begin = 0; begin < prompts.size();) {
    if (stop_requested()) throw Interrupted("interrupted while ranking");
    size_t end = begin;
    for (int64_t tokens = 0; end < prompts.size(); ++end) {
      const std::span<const int32_t> before =
          end == begin ? std::span<const int32_t>() : prompts[end - 1].prompt;
      tokens += tokens_of(prompts[end], before, special);
      if (end > begin && tokens > tokens_at_once) break;
    }
    const std::vector<double> all =
        RankBatch(model, adaptation, prompts.subspan(begin, end - begin)).log_likelihoods();
    std::span<const double> left = all;
    for (; begin < end; ++begin) {
      const size_t choices = prompts[begin].choices.size();
      on_ranked(begin, left.first(choices));
      left = left.subspan(choices);
    }
  }
}

}  // namespace rankscope
