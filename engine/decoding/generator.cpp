#include "engine/decoding/generator.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <deque>
#include <iterator>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "common/error.h"
#include "common/interrupt.h"
#include "engine/decoding/prompt_queue.h"
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

// What all who continue prompts have in common.
struct Work {
  const Model& model;
  const Adaptation* adaptation;
  std::span<const std::vector<int32_t>> prompts;
  const DecodingSettings& settings;
  SpecialTokens special;
  PromptQueue waiting;
  const std::function<void(size_t, Prediction)>& on_prediction;
  std::mutex handing_over = {};
  std::atomic<bool> failed = false;
  bool refused = false;  // by the receiver, which threw

  // Never again once it has thrown: what lies behind it (a full disk) would be asked anew by every
  // thread that comes before it learns of the failure.
  void hand_over(size_t index, Prediction prediction) {
    const std::lock_guard lock(handing_over);
    if (refused) return;
    refused = true;  // and stays so where it throws
    on_prediction(index, std::move(prediction));
    refused = false;
  }
};

// Continues some prompts at a time, with a cache of its own.
class Lane {
 public:
  Lane(Work& work, int64_t in_flight)
      : work_(work),
        in_flight_(in_flight),
        cache_(work.model.config(), work.model.backend(),
               work.waiting.pages_needed(work.settings, in_flight)) {}

  // Until no prompt is left, or another lane has failed.
  void run() {
    try {
      while (!work_.failed && step(in_flight_)) {
        if (stop_requested()) throw Interrupted("interrupted while generating");
      }
    } catch (...) {
      work_.failed = true;
      throw;
    }
  }

  // One token more of each, of up to `most` prompts. False where there was nothing to do.
  bool step(int64_t most) {
    while (!ahead_.empty() && std::ssize(active_) < most) {
      active_.push_back(std::move(ahead_.front()));
      ahead_.pop_front();
    }
    const auto continued = std::ssize(active_);
    if (continued < most) begin(most);
    if (active_.empty()) return false;
    choose();
    size_t row = 0;
    for (Active& one : active_) row += advance(one, row);
    // Those that were continued first, before those for whom there may be no place yet.
    std::rotate(active_.begin(), active_.end() - continued, active_.end());
    std::erase_if(active_, [&](Active& one) {
      if (!one.kept.empty()) return false;
      work_.hand_over(one.index, one.search->take());
      return true;
    });
    for (; std::ssize(active_) > most; active_.pop_back())
      ahead_.push_front(std::move(active_.back()));
    return true;
  }

 private:
  // Prompts, of which more may begin than there are places: the tokens with which several begin are
  // computed once where they are computed together. They stand before those that are continued, in
  // the batch and so among the candidates.
  void begin(int64_t most) {
    std::vector<Active> begun;
    for (const size_t index : work_.waiting.take(most - std::ssize(active_), most)) {
      Active& one = begun.emplace_back();
      one.index = index;
      one.search = make_search(work_.settings);
      one.prompt = with_special_tokens(work_.special, work_.prompts[index]);
      one.kept.emplace_back();
    }
    active_.insert(active_.begin(), std::move_iterator(begun.begin()),
                   std::move_iterator(begun.end()));
  }

  std::vector<Segment> segments() {
    std::vector<Segment> segments;
    for (Active& one : active_) {
      if (one.next.empty()) segments.push_back({&one.kept[0], one.prompt, 1});
      for (size_t i = 0; i < one.next.size(); ++i)
        segments.push_back({&one.kept[i], {&one.next[i], 1}, 1});
    }
    return segments;
  }

  // The best next tokens of every row.
  void choose() {
    Backend& backend = work_.model.backend();
    const Tensor hidden = run_segments(work_.model, work_.adaptation, cache_, segments());
    const LinearWeight& head = work_.model.head();
    // Also where bytes may do without: packed while one lane is alone, as all weights are.
    const PackedMatrix& packed = head.forward_packed(backend);
    const Search& any = *active_[0].search;
    const auto each = static_cast<size_t>(any.candidates());
    ids_.resize(static_cast<size_t>(hidden.rows()) * each);
    log_probs_.resize(any.needs_log_probs() ? ids_.size() : 0);
    const BannedTokens banned_tokens = banned();
    const Screen* const screen =
        each == 1 && !any.needs_log_probs() ? head.screen(backend) : nullptr;
    if (screen == nullptr ||
        !backend.best_columns(hidden.view(), *screen, banned_tokens, ids_.data())) {
      const Tensor memory = backend.floats(hidden.rows(), logits_width(head.out()));
      const Matrix logits = memory.matrix().columns(0, head.out());
      const ProductTerm term{hidden.view(), &packed};
      backend.product({&term, 1}, {.bias = head.bias()}, logits);
      backend.best_tokens(logits, banned_tokens, any.candidates(), ids_.data(),
                          any.needs_log_probs() ? log_probs_.data() : nullptr);
    }
    for (size_t row = 0; row * each < ids_.size(); ++row) {
      const bool offers =
          ids_[row * each] >= 0 && (log_probs_.empty() || !std::isnan(log_probs_[row * each]));
      const int64_t forbidden =
          banned_tokens.begin.empty() ? 0 : banned_tokens.begin[row + 1] - banned_tokens.begin[row];
      if (!offers && forbidden < head.out())
        throw NonFiniteOutput(
            "the model offers no next token: its logits are not finite; was the adapter's training "
            "stable?");
    }
  }

  BannedTokens banned() const {
    BannedTokens banned;
    const DecodingSettings& settings = work_.settings;
    if (settings.no_repeat_ngram == 0 && settings.min_new == 0) return banned;
    banned.begin.push_back(0);
    for (const Active& one : active_) {
      for (size_t i = 0; i < one.kept.size(); ++i) {
        const auto tokens = one.search->tokens(static_cast<int64_t>(i));
        if (settings.no_repeat_ngram > 0)
          ban_repeats(work_.prompts[one.index], tokens, settings.no_repeat_ngram, banned.ids);
        if (static_cast<int64_t>(tokens.size()) < settings.min_new) {
          banned.ids.insert(banned.ids.end(), settings.end_ids.begin(), settings.end_ids.end());
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

  Work& work_;
  int64_t in_flight_;
  KvCache cache_;
  std::vector<Active> active_;
  std::deque<Active> ahead_;  // whose first token was found before there was a place for them
  std::vector<int32_t> ids_;
  std::vector<float> log_probs_;
};

// Where the weights stay in a processor's cache, threads that wait for one another at every product
// lose more time than reading the weights once each costs: each continues prompts of its own then.
// Not beside an adaptation, which may keep something of its own.
int64_t lane_count(const Model& model, const Adaptation* adaptation, int64_t in_flight,
                   int64_t beams) {
  constexpr int64_t kCached = 8'000'000, kLeastRows = 8;
  if (adaptation != nullptr || model.shape().parameters() > kCached) return 1;
  const auto most = std::min<int64_t>(in_flight, model.backend().threads());
  return std::clamp<int64_t>(in_flight * beams / kLeastRows, 1, most);
}

}  // namespace

void generate(const Model& model, const Adaptation* adaptation,
              std::span<const std::vector<int32_t>> prompts, const DecodingSettings& settings,
              const GeneratorOptions& options,
              const std::function<void(size_t index, Prediction prediction)>& on_prediction) {
  const SpecialTokens special = special_tokens_of(adaptation);
  for (const std::vector<int32_t>& prompt : prompts) {
    if (prompt.empty() || static_cast<int64_t>(prompt.size()) + special.count() + settings.max_new >
                              model.config().context)
      throw std::logic_error("a prompt is empty or leaves no room in the model's context");
  }
  const int64_t in_flight = std::min(options.in_flight, std::ssize(prompts));
  if (in_flight == 0) return;
  const int64_t count = lane_count(model, adaptation, in_flight, settings.beams);
  Work work{
      model,        adaptation,
      prompts,      settings,
      special,      PromptQueue(prompts, special.count(), options.prompt_tokens_at_once, count),
      on_prediction};
  const auto share = [&](int64_t i) { return in_flight * (i + 1) / count - in_flight * i / count; };
  std::vector<std::unique_ptr<Lane>> lanes;
  for (int64_t i = 0; i < count; ++i) lanes.push_back(std::make_unique<Lane>(work, share(i)));
  // Alone and by all threads: the model packs its weights. Of several lanes the first begins with
  // one prompt, so that all end together: with as many as it can hold it was ahead of the others
  // throughout, and at the end waited for them.
  lanes[0]->step(count == 1 ? in_flight : 1);
  model.backend().run_parts(count, [&](int64_t i) { lanes[static_cast<size_t>(i)]->run(); });
}

}  // namespace rankscope
