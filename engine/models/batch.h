// Batch: sequences packed end to end with offsets; no padding anywhere.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/backend/backend.h"

namespace rankscope {

// One training or scored example: the loss is taken at the target tokens alone.
struct TokenExample {
  std::vector<int32_t> prompt;
  std::vector<int32_t> target;
  int64_t tokens() const { return static_cast<int64_t>(prompt.size() + target.size()); }
};

// Tokens that are no words, in every sequence of a method that has such: the first `prefix` stand
// before the prompt, the others between prompt and target.
struct SpecialTokens {
  int64_t prefix = 0;
  int64_t infix = 0;
  int64_t count() const { return prefix + infix; }
};
// The i-th of them where tokens are listed.
inline int32_t special_token(int64_t i) { return static_cast<int32_t>(-1 - i); }
inline bool is_special(int32_t token) { return token < 0; }
std::vector<int32_t> with_special_tokens(const SpecialTokens& special,
                                         std::span<const int32_t> prompt);
std::vector<TokenExample> with_special_tokens(const SpecialTokens& special,
                                              std::span<const TokenExample> examples);

// Where special tokens stand in a batch.
struct SpecialRows {
  Indices rows;  // rising
  Indices ids;   // which special token is there
};
// Writes 0 in their places; null where there are none.
std::shared_ptr<const SpecialRows> take_special_rows(std::vector<int32_t>& tokens);

struct Batch {
  std::shared_ptr<const Indices> tokens;       // [rows]; 0 where a special token stands
  std::shared_ptr<const Indices> positions;  // [rows], from 0 in each sequence
  std::vector<int64_t> sequence_begin;                    // [sequences + 1], rows
  // Rows whose next token is a target (or, in decoding, wanted), rising, and that next token.
  std::shared_ptr<const Indices> loss_rows;       // [targets]
  std::shared_ptr<const Indices> loss_positions;  // [targets], positions of loss_rows
  Indices loss_labels;               // [targets]; in decoding none
  std::vector<int64_t> loss_begin;                             // [sequences + 1], into loss_rows
  // Identity of each row for dropout: (draw id of its sequence << 32) | position.
  RowIds row_ids;       // [rows]
  RowIds loss_row_ids;  // [targets]
  std::shared_ptr<const SpecialRows> special;  // null where there are none
  std::shared_ptr<const AttentionLayout> full_layout;  // queries at every row
  std::shared_ptr<const AttentionLayout> loss_layout;  // queries at loss_rows

  int64_t rows() const { return static_cast<int64_t>(tokens->size()); }
  int64_t targets() const { return static_cast<int64_t>(loss_rows->size()); }
  int64_t sequences() const { return static_cast<int64_t>(sequence_begin.size()) - 1; }
};

// A target at the first position of an example without prompt has nothing to be predicted from and
// carries no loss. draw_ids (one a sequence) identify sequences for dropout.
Batch pack_batch(std::span<const TokenExample* const> examples, std::span<const uint64_t> draw_ids);

// Consecutive examples, each group holding at most `bound` tokens (an example longer than the bound
// stands alone). Returns the group boundaries, [groups + 1].
std::vector<size_t> split_by_tokens(std::span<const TokenExample* const> examples, int64_t bound);

}  // namespace rankscope
