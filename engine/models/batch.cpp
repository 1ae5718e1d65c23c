#include "engine/models/batch.h"

namespace rankscope {

Batch pack_batch(std::span<const TokenExample* const> examples, std::span<const uint64_t> draw_ids,
                 SharedRows shared) {
  Batch batch;
  TokenRows rows(shared);
  std::vector<int32_t> positions, loss_rows, loss_positions;
  auto full = std::make_shared<AttentionLayout>();
  auto loss = std::make_shared<AttentionLayout>();
  batch.sequence_begin.push_back(0);
  batch.loss_begin.push_back(0);
  full->key_begin.push_back(0);
  for (size_t s = 0; s < examples.size(); ++s) {
    const TokenExample& example = *examples[s];
    const uint64_t id = draw_ids[s] << 32;
    const int64_t length = example.tokens();
    const int64_t prompt = static_cast<int64_t>(example.prompt.size());
    const int64_t begin = rows.begin(example.prompt);
    for (int64_t p = begin; p < length; ++p) {
      const size_t i = static_cast<size_t>(p < prompt ? p : p - prompt);
      const int32_t token = p < prompt ? example.prompt[i] : example.target[i];
      // The token at p is what the row before it has to predict.
      if (p >= prompt && p > begin) {
        loss_rows.push_back(static_cast<int32_t>(rows.rows()) - 1);
        loss_positions.push_back(static_cast<int32_t>(p) - 1);
        batch.loss_labels.push_back(token);
        batch.loss_row_ids.push_back(id | static_cast<uint64_t>(p - 1));
      }
      rows.add(token);
      positions.push_back(static_cast<int32_t>(p));
      batch.row_ids.push_back(id | static_cast<uint64_t>(p));
    }
    batch.sequence_begin.push_back(rows.rows());
    batch.loss_begin.push_back(static_cast<int64_t>(loss_rows.size()));
    full->key_begin.push_back(rows.keys());
  }
  loss->key_begin = full->key_begin;
  full->query_begin = batch.sequence_begin;
  full->query_positions = positions;
  loss->query_begin = batch.loss_begin;
  loss->query_positions = loss_positions;
  batch.full_layout = std::move(full);
  batch.loss_layout = std::move(loss);
  batch.key_rows = rows.take_key_rows();
  batch.special = rows.take_special();
  batch.tokens = rows.take_tokens();
  batch.positions = std::make_shared<const Indices>(std::move(positions));
  batch.loss_rows = std::make_shared<const Indices>(std::move(loss_rows));
  batch.loss_positions = std::make_shared<const Indices>(std::move(loss_positions));
  return batch;
}

std::vector<size_t> split_by_tokens(std::span<const TokenExample* const> examples, int64_t bound,
                                    SharedRows shared) {
  std::vector<size_t> begin{0};
  int64_t held = 0;
  const auto added = [&](size_t i) {
    const std::span<const int32_t> before =
        i == begin.back() ? std::span<const int32_t>() : examples[i - 1]->prompt;
    const int64_t rowless = tokens_without_row(examples[i]->prompt, before, shared);
    return examples[i]->tokens() - rowless + (rowless + 3) / 4;
  };
  for (size_t i = 0; i < examples.size(); ++i) {
    if (i > begin.back() && held + added(i) > bound) {
      begin.push_back(i);
      held = 0;
    }
    held += added(i);
  }
  begin.push_back(examples.size());
  return begin;
}

}  // namespace rankscope
