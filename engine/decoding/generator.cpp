#include "engine/decoding/generator.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>
#include <utility>

#include "common/error.h"
#include "common/interrupt.h"
#include "engine/decoding/segments.h"

namespace rankscope {

namespace {

// One prompt that is being continued.
struct Active {
  size_t index = 0;
  std::unique_ptr<Search> search;
  std::vector<int32_t> prompt;       // with the method's special tokens
  std::vector<CachedSequence> kept;  // of each live row
  std::vector<int32_t> next;         // each live row's last token, not computed yet; at first none
};

// Pages that one prompt can come to hold: those of the prompt are shared by the beams but for the
// last, and each beam may hold a copy of a page while its parent still holds the original.
int64_t pages_needed(size_t prompt_tokens, const DecodingSettings& settings) {
  const auto prompt = static_cast<int64_t>(prompt_tokens);
  if (settings.beams == 1) return KvCache::pages_for(prompt + settings.max_new);
  return KvCache::pages_for(prompt) +
         settings.beams * (KvCache::pages_for(settings.max_new) + 2);
}

// Each prompt has `special` tokens besides its own.
int64_t pages_needed(std::span<const std::vector<int32_t>> prompts,
                     const DecodingSettings& settings, int64_t in_flight, int64_t special) {
  std::vector<int64_t> needed;
  for (const std::vector<int32_t>& prompt : prompts)
    needed.push_back(pages_needed(prompt.size() + static_cast<size_t>(special), settings));
  std::ranges::sort(needed, std::greater<>());
  int64_t total = 0;
  for (size_t i = 0; i < needed.size() && i < static_cast<size_t>(in_flight); ++i)
    total += needed[i];
  return total;
}

class Run {
 public:
  Run(const Model& model, const Adaptation* adaptation,
      std::span<const std::vector<int32_t>> prompts, const DecodingSettings& settings,
      const GeneratorOptions& options)
      : model_(model),
        adaptation_(adaptation),
        prompts_(prompts),
        settings_(settings),
        options_(options),
        special_(special_tokens_of(adaptation)),
        cache_(model.config(), model.backend(),
               pages_needed(prompts, settings, options.in_flight, special_.count())) {}

  bool finished() const { return active_.empty() && waiting_ == prompts_.size(); }

  void step(const std::function<void(size_t, Prediction)>& on_prediction) {
    const size_t continued = active_.size();
    admit();
    // Those that begin stand first, in the batch and so among the candidates.
    std::rotate(active_.begin(), active_.begin() + static_cast<std::ptrdiff_t>(continued),
                active_.end());
    choose(active_.size() - continued);
    size_t row = 0;
    for (Active& one : active_) row += advance(one, row);
    std::erase_if(active_, [&](Active& one) {
      if (!one.kept.empty()) return false;
      on_prediction(one.index, one.search->take());
      return true;
    });
  }

 private:
  void admit() {
    int64_t tokens = 0;
    while (waiting_ < prompts_.size() && static_cast<int64_t>(active_.size()) < options_.in_flight) {
      const auto length = static_cast<int64_t>(prompts_[waiting_].size()) + special_.count();
      if (tokens > 0 && tokens + length > options_.prompt_tokens_at_once) return;
      tokens += length;
      Active one{waiting_, make_search(settings_), {}, {}, {}};
      one.prompt = with_special_tokens(special_, prompts_[waiting_]);
      one.kept.emplace_back();
      active_.push_back(std::move(one));
      ++waiting_;
    }
  }

  // Some of the prompts in flight, computed in one pass.
  struct Part {
    std::vector<Active*> members;    // those that begin stand first
    std::vector<size_t> first_rows;  // of each, among all rows
    std::optional<SegmentPass> pass;
  };

  // The best next tokens of every row. The first `begun` prompts begin here.
  void choose(size_t begun) {
    std::vector<Part> parts(part_count());
    size_t rows = 0;
    for (size_t i = 0; i < active_.size(); ++i) {
      const bool begins = i < begun;
      // Both kinds in even shares, neighbours together.
      const size_t place = begins ? i : i - begun, all = begins ? begun : active_.size() - begun;
      Part& part = parts[place * parts.size() / all];
      part.members.push_back(&active_[i]);
      part.first_rows.push_back(rows);
      rows += active_[i].kept.size();
    }
    std::erase_if(parts, [](const Part& part) { return part.members.empty(); });
    for (Part& part : parts) part.pass.emplace(cache_, segments(part));
    cache_.copy_shared_pages();
    const Search& any = *active_[0].search;
    ids_.resize(rows * static_cast<size_t>(any.candidates()));
    log_probs_.resize(any.needs_log_probs() ? ids_.size() : 0);
    model_.backend().run_parts(std::ssize(parts), [&](int64_t i) { choose(parts[static_cast<size_t>(i)]); });
    ++steps_;
  }

  // Where the weights stay in a processor's cache, threads that wait for one another at every product lose more
  // time than reading the weights once each costs: each computes its own sequences then. Not at the first step,
  // in which the model packs its weights, nor beside an adaptation, which may keep something of its own.
  size_t part_count() const {
    constexpr int64_t kCached = 8'000'000, kLeastRows = 8;
    if (adaptation_ != nullptr || steps_ == 0 || model_.shape().parameters() > kCached) return 1;
    int64_t rows = 0;
    for (const Active& one : active_) rows += std::ssize(one.kept);
    return static_cast<size_t>(std::clamp<int64_t>(rows / kLeastRows, 1, model_.backend().threads()));
  }

  std::vector<Segment> segments(const Part& part) {
    std::vector<Segment> segments;
    for (Active* one : part.members) {
      if (one->next.empty()) segments.push_back({&one->kept[0], one->prompt, 1});
      for (size_t i = 0; i < one->next.size(); ++i)
        segments.push_back({&one->kept[i], {&one->next[i], 1}, 1});
    }
    return segments;
  }

  // Of one part, into its places in ids_ and log_probs_.
  void choose(const Part& part) {
    Backend& backend = model_.backend();
    const LinearWeight& head = model_.head();
    const Tensor hidden = part.pass->run(model_, adaptation_);
    const Tensor memory = backend.floats(hidden.rows(), logits_width(head.out()));
    const Matrix logits = memory.matrix().columns(0, head.out());
    const ProductTerm term{hidden.view(), &head.forward_packed(backend)};
    backend.product({&term, 1}, {.bias = head.bias()}, logits);
    const Search& any = *active_[0].search;
    const auto each = static_cast<size_t>(any.candidates());
    std::vector<int32_t> ids(static_cast<size_t>(hidden.rows()) * each);
    std::vector<float> log_probs(any.needs_log_probs() ? ids.size() : 0);
    const BannedTokens banned_tokens = banned(part);
    backend.best_tokens(logits, banned_tokens, any.candidates(), ids.data(),
                        any.needs_log_probs() ? log_probs.data() : nullptr);
    for (size_t row = 0; row * each < ids.size(); ++row) {
      const bool offers =
          ids[row * each] >= 0 && (log_probs.empty() || !std::isnan(log_probs[row * each]));
      const int64_t forbidden =
          banned_tokens.begin.empty() ? 0 : banned_tokens.begin[row + 1] - banned_tokens.begin[row];
      if (!offers && forbidden < head.out())
        throw NonFiniteOutput(
            "the model offers no next token: its logits are not finite; was the adapter's training "
            "stable?");
    }
    size_t from = 0;
    for (size_t i = 0; i < part.members.size(); ++i) {
      const size_t count = part.members[i]->kept.size() * each, to = part.first_rows[i] * each;
      std::copy_n(&ids[from], count, &ids_[to]);
      if (!log_probs.empty()) std::copy_n(&log_probs[from], count, &log_probs_[to]);
      from += count;
    }
  }

  BannedTokens banned(const Part& part) const {
    BannedTokens banned;
    if (settings_.no_repeat_ngram == 0 && settings_.min_new == 0) return banned;
    banned.begin.push_back(0);
    for (const Active* one : part.members) {
      for (size_t i = 0; i < one->kept.size(); ++i) {
        const auto tokens = one->search->tokens(static_cast<int64_t>(i));
        if (settings_.no_repeat_ngram > 0)
          ban_repeats(prompts_[one->index], tokens, settings_.no_repeat_ngram, banned.ids);
        if (static_cast<int64_t>(tokens.size()) < settings_.min_new) {
          banned.ids.insert(banned.ids.end(), settings_.end_ids.begin(), settings_.end_ids.end());
        }
        banned.begin.push_back(static_cast<int64_t>(banned.ids.size()));
      }
    }
    return banned;
  }

  // Gives the search the candidates of its rows, the first of which is `row`; keeps the sequences
  // that go on. Returns how many rows they were.
  size_t advance(Active& one, size_t row) {
    const size_t rows = one.kept.size();
    const auto each = static_cast<size_t>(one.search->candidates());
    const auto part = [&](auto& all) {
      return std::span(all).subspan(all.empty() ? 0 : row * each, all.empty() ? 0 : rows * each);
    };
    const std::vector<Search::Row> next = one.search->advance(part(ids_), part(log_probs_));
    std::vector<CachedSequence> kept;
    one.next.clear();
    for (size_t i = 0; i < next.size(); ++i) {
      CachedSequence& parent = one.kept[static_cast<size_t>(next[i].parent)];
      const bool last_child =
          std::none_of(next.begin() + static_cast<std::ptrdiff_t>(i) + 1, next.end(),
                       [&](const Search::Row& r) { return r.parent == next[i].parent; });
      kept.push_back(last_child ? std::exchange(parent, {}) : cache_.fork(parent));
      one.next.push_back(next[i].token);
    }
    for (CachedSequence& left : one.kept) cache_.release(left);
    one.kept = std::move(kept);
    return rows;
  }

  const Model& model_;
  const Adaptation* adaptation_;
  std::span<const std::vector<int32_t>> prompts_;
  const DecodingSettings& settings_;
  const GeneratorOptions& options_;
  SpecialTokens special_;
  KvCache cache_;
  size_t waiting_ = 0;  // the next prompt to begin
  std::vector<Active> active_;
  std::vector<int32_t> ids_;
  std::vector<float> log_probs_;
  int64_t steps_ = 0;
};

}  // namespace

void generate(const Model& model, const Adaptation* adaptation,
              std::span<const std::vector<int32_t>> prompts, const DecodingSettings& settings,
              const GeneratorOptions& options,
              const std::function<void(size_t index, Prediction prediction)>& on_prediction) {
  const int64_t special = special_tokens_of(adaptation).count();
  for (const std::vector<int32_t>& prompt : prompts) {
    if (prompt.empty() || static_cast<int64_t>(prompt.size()) + special + settings.max_new >
                              model.config().context)
      throw std::logic_error("a prompt is empty or leaves no room in the model's context");
  }
  Run run(model, adaptation, prompts, settings, options);
  while (!run.finished()) {
    if (stop_requested()) throw Interrupted("interrupted while generating");
    run.step(on_prediction);
  }
}

}  // namespace rankscope
