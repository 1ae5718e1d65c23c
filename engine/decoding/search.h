// Search: how the continuation of one prompt is found among the best next tokens of its hypotheses.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace rankscope {

struct DecodingSettings {
  int64_t max_new = 64;  // tokens, the end token included
  int64_t min_new = 0;   // tokens before an end token is allowed
  int64_t beams = 1;     // 1: greedy
  double length_penalty =
      1.0;  // beam search: a finished score is its log probability / length^this
  int64_t no_repeat_ngram = 0;   // no n-gram of this length twice, the prompt's counted; 0: no rule
  std::vector<int32_t> end_ids;  // any of them ends a sequence
};

struct Prediction {
  std::vector<int32_t> ids;  // the new tokens, the end token included
  bool ended = false;        // by an end token; false: by max_new
  // Beam search: log probability / length^length_penalty. Greedy: 0.
  double score = 0.0;
};

class Search {
 public:
  // A hypothesis that goes on: that of row `parent` of the step before, and `token`.
  struct Row {
    int64_t parent = 0;
    int32_t token = 0;
  };

  virtual ~Search() = default;
  // How many best tokens a row has to offer.
  virtual int64_t candidates() const = 0;
  virtual bool needs_log_probs() const = 0;
  // The new tokens of live row i. At first there is one row, without any.
  virtual std::span<const int32_t> tokens(int64_t i) const = 0;
  // `ids` and `log_probs` [live rows, candidates()] as Backend::best_tokens gives them; log_probs
  // is empty where they are not needed. Returns the rows that go on, in their order; none: the
  // search is over. Throws InputError where a row offers no token.
  virtual std::vector<Row> advance(std::span<const int32_t> ids,
                                   std::span<const float> log_probs) = 0;
  // Once the search is over.
  virtual Prediction take() = 0;
};

// Greedy or beam search, both as transformers' generate() 5.23 with do_sample=False and
// early_stopping=False: its arithmetic (scores in fp32), its stopping rule, its ties except that
// equal scores are taken in the order of rows and ids. `settings` must outlive the search.
std::unique_ptr<Search> make_search(const DecodingSettings& settings);

// The tokens that would complete an n-gram which the sequence `prompt` + `tokens` already holds.
// Appends to `banned`, each once.
void ban_repeats(std::span<const int32_t> prompt, std::span<const int32_t> tokens, int64_t ngram,
                 std::vector<int32_t>& banned);

}  // namespace rankscope
