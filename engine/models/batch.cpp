#include "engine/models/batch.h"

namespace rankscope {

std::vector<int32_t> with_special_tokens(const SpecialTokens& special,
                                         std::span<const int32_t> prompt) {
  std::vector<int32_t> all;
  for (int64_t i = 0; i < special.prefix; ++i) all.push_back(special_token(i));
  all.insert(all.end(), prompt.begin(), prompt.end());
  for (int64_t i = special.prefix; i < special.count(); ++i) all.push_back(special_token(i));
  return all;
}

std::vector<TokenExample> with_special_tokens(const SpecialTokens& special,
                                              std::span<const TokenExample> examples) {
  std::vector<TokenExample> all;
  for (const TokenExample& example : examples)
    all.push_back({with_special_tokens(special, example.prompt), example.target});
  return all;
}

std::shared_ptr<const SpecialRows> take_special_rows(std::vector<int32_t>& tokens) {
  std::vector<int32_t> rows, ids;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (!is_special(tokens[i])) continue;
    rows.push_back(static_cast<int32_t>(i));
    ids.push_back(-1 - tokens[i]);
    tokens[i] = 0;
  }
  if (rows.empty()) return nullptr;
  return std::make_shared<const SpecialRows>(SpecialRows{std::move(rows), std::move(ids)});
}

Batch pack_batch(std::span<const TokenExample* const> examples,
                 std::span<const uint64_t> draw_ids) {
  Batch batch;
  std::vector<int32_t> tokens, positions, loss_rows, loss_positions;
  auto full = std::make_shared<AttentionLayout>();
  auto loss = std::make_shared<AttentionLayout>();
  batch.sequence_begin.push_back(0);
  batch.loss_begin.push_back(0);
  for (size_t s = 0; s < examples.size(); ++s) {
    const TokenExample& example = *examples[s];
    const uint64_t id = draw_ids[s] << 32;
    const int64_t length = example.tokens();
    const int64_t prompt = static_cast<int64_t>(example.prompt.size());
    for (int64_t p = 0; p < length; ++p) {
      const size_t i = static_cast<size_t>(p < prompt ? p : p - prompt);
      const int32_t token = p < prompt ? example.prompt[i] : example.target[i];
      // The token at p is what the row before it has to predict.
      if (p >= prompt && p > 0) {
        loss_rows.push_back(static_cast<int32_t>(tokens.size()) - 1);
        loss_positions.push_back(static_cast<int32_t>(p) - 1);
        batch.loss_labels.push_back(token);
        batch.loss_row_ids.push_back(id | static_cast<uint64_t>(p - 1));
      }
      tokens.push_back(token);
      positions.push_back(static_cast<int32_t>(p));
      batch.row_ids.push_back(id | static_cast<uint64_t>(p));
    }
    batch.sequence_begin.push_back(static_cast<int64_t>(tokens.size()));
    batch.loss_begin.push_back(static_cast<int64_t>(loss_rows.size()));
  }
  full->key_begin = full->query_begin = loss->key_begin = batch.sequence_begin;
  full->query_positions = positions;
  loss->query_begin = batch.loss_begin;
  loss->query_positions = loss_positions;
  batch.full_layout = std::move(full);
  batch.loss_layout = std::move(loss);
  batch.special = take_special_rows(tokens);
  batch.tokens = std::make_shared<const Indices>(std::move(tokens));
  batch.positions = std::make_shared<const Indices>(std::move(positions));
  batch.loss_rows = std::make_shared<const Indices>(std::move(loss_rows));
  batch.loss_positions = std::make_shared<const Indices>(std::move(loss_positions));
  return batch;
}

std::vector<size_t> split_by_tokens(std::span<const TokenExample* const> examples, int64_t bound) {
  std::vector<size_t> begin{0};
  int64_t held = 0;
  for (size_t i = 0; i < examples.size(); ++i) {
    const int64_t tokens = examples[i]->tokens();
    if (i > begin.back() && held + tokens > bound) {
      begin.push_back(i);
      held = 0;
    }
    held += tokens;
  }
  begin.push_back(examples.size());
  return begin;
}

}  // namespace rankscope
