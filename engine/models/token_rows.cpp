#include "engine/models/token_rows.h"

#include <algorithm>

namespace rankscope {
namespace {

// Where tokens are listed the i-th special one is -1 - i, less kKeysAlone where it is keys alone.
constexpr int32_t kKeysAlone = 1 << 24;
bool is_special(int32_t token) { return token < 0; }
bool is_keys_alone(int32_t token) { return token < -kKeysAlone; }
int32_t special_token(int64_t i, bool keys_alone) {
  return static_cast<int32_t>(-1 - i) - (keys_alone ? kKeysAlone : 0);
}
int32_t special_id(int32_t token) { return -1 - token - (is_keys_alone(token) ? kKeysAlone : 0); }

int64_t leading(std::span<const int32_t> tokens, bool (*is)(int32_t)) {
  return std::ranges::find_if_not(tokens, is) - tokens.begin();
}

}  // namespace

int64_t TokenExample::predicted() const {
  const bool rowless = prompt.empty() || is_keys_alone(prompt.back());
  return std::max<int64_t>(0, std::ssize(target) - (rowless ? 1 : 0));
}

std::vector<int32_t> with_special_tokens(const SpecialTokens& special,
                                         std::span<const int32_t> prompt) {
  std::vector<int32_t> all;
  for (int64_t i = 0; i < special.prefix; ++i) all.push_back(special_token(i, special.keys_alone));
  all.insert(all.end(), prompt.begin(), prompt.end());
  for (int64_t i = special.prefix; i < special.count(); ++i) all.push_back(special_token(i, false));
  return all;
}

std::vector<TokenExample> with_special_tokens(const SpecialTokens& special,
                                              std::span<const TokenExample> examples) {
  std::vector<TokenExample> all;
  for (const TokenExample& example : examples)
    all.push_back({with_special_tokens(special, example.prompt), example.target});
  return all;
}

int64_t tokens_without_row(std::span<const int32_t> tokens, std::span<const int32_t> before,
                           SharedRows shared, int64_t own) {
  const int64_t alone = leading(tokens, is_keys_alone);
  if (shared == SharedRows::kNone) return alone;
  int64_t common = std::ranges::mismatch(tokens, before).in1 - tokens.begin();
  if (shared == SharedRows::kSpecial) common = std::min(common, leading(tokens, is_special));
  return std::max(alone, std::min(common, std::ssize(tokens) - own));
}

int64_t TokenRows::begin(std::span<const int32_t> tokens, int64_t own) {
  const int64_t without_row = tokens_without_row(tokens, before_, shared_, own);
  const int64_t begin = keys();
  for (int64_t i = 0; i < without_row; ++i) {
    const int32_t token = tokens[static_cast<size_t>(i)];
    if (is_keys_alone(token)) {
      special_rows_.push_back(static_cast<int32_t>(keys()));
      special_ids_.push_back(special_id(token));
      key_rows_.push_back(0);
    } else {
      key_rows_.push_back(key_rows_[static_cast<size_t>(before_keys_ + i)]);
    }
  }
  before_ = tokens;
  before_keys_ = begin;
  return without_row;
}

void TokenRows::add(int32_t token) {
  key_rows_.push_back(static_cast<int32_t>(rows()));
  if (is_special(token)) {
    special_rows_.push_back(static_cast<int32_t>(rows()));
    special_ids_.push_back(special_id(token));
    token = 0;
  }
  tokens_.push_back(token);
}

std::shared_ptr<const Indices> TokenRows::take_tokens() {
  return std::make_shared<const Indices>(std::move(tokens_));
}

std::shared_ptr<const Indices> TokenRows::take_key_rows() {
  if (keys() == rows()) return nullptr;
  return std::make_shared<const Indices>(std::move(key_rows_));
}

std::shared_ptr<const SpecialRows> TokenRows::take_special() {
  if (special_rows_.empty()) return nullptr;
  return std::make_shared<const SpecialRows>(
      SpecialRows{std::move(special_rows_), std::move(special_ids_)});
}

}  // namespace rankscope
