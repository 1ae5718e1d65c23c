#include "engine/decoding/search.h"

#include <algorithm>

#include "common/error.h"
#include "engine/decoding/beam_search.h"

namespace rankscope {

namespace {

class GreedySearch : public Search {
 public:
  explicit GreedySearch(const DecodingSettings& settings) : settings_(settings) {}

  int64_t candidates() const override { return 1; }
  bool needs_log_probs() const override { return false; }
  std::span<const int32_t> tokens(int64_t) const override { return prediction_.ids; }

  std::vector<Row> advance(std::span<const int32_t> ids, std::span<const float>) override {
    const int32_t token = ids[0];
    if (token < 0) refuse_no_token();
    prediction_.ids.push_back(token);
    prediction_.ended = std::ranges::find(settings_.end_ids, token) != settings_.end_ids.end();
    const bool over =
        prediction_.ended || static_cast<int64_t>(prediction_.ids.size()) == settings_.max_new;
    return over ? std::vector<Row>{} : std::vector<Row>{{0, token}};
  }

  Prediction take() override { return std::move(prediction_); }

 private:
  const DecodingSettings& settings_;
  Prediction prediction_;
};

}  // namespace

void refuse_no_token() {
  throw InputError(
      "no next token is left: no-repeat forbids all of them; give a larger --no-repeat-ngram");
}

std::unique_ptr<Search> make_search(const DecodingSettings& settings) {
  if (settings.beams == 1) return std::make_unique<GreedySearch>(settings);
  return std::make_unique<BeamSearch>(settings);
}

void ban_repeats(std::span<const int32_t> prompt, std::span<const int32_t> tokens, int64_t ngram,
                 std::vector<int32_t>& banned) {
  std::vector<int32_t> all(prompt.begin(), prompt.end());
  all.insert(all.end(), tokens.begin(), tokens.end());
  const auto length = static_cast<int64_t>(all.size());
  const size_t begun = banned.size();
  const int64_t prefix = ngram - 1;
  for (int64_t first = 0; first + prefix < length; ++first) {
    if (std::equal(all.begin() + first, all.begin() + first + prefix, all.end() - prefix))
      banned.push_back(all[static_cast<size_t>(first + prefix)]);
  }
  const auto mine = banned.begin() + static_cast<std::ptrdiff_t>(begun);
  std::sort(mine, banned.end());
  banned.erase(std::unique(mine, banned.end()), banned.end());
}

}  // namespace rankscope
