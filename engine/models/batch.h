// Batch: sequences packed end to end with offsets; no padding anywhere.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/models/token_rows.h"

namespace rankscope {

struct Batch {
  std::shared_ptr<const Indices> tokens;     // [rows]; 0 where a special token stands
  std::shared_ptr<const Indices> positions;  // [rows], from 0 in each sequence
  std::vector<int64_t> sequence_begin;       // [sequences + 1], rows
  // Which row's key and value each row of keys has, [rows of keys]; any where the method gives them
  // itself. Null where every row's are there once, in order.
  std::shared_ptr<const Indices> key_rows;
  // Rows whose next token is a target (or, in decoding, wanted), rising, and that next token.
  std::shared_ptr<const Indices> loss_rows;       // [targets]
  std::shared_ptr<const Indices> loss_positions;  // [targets], positions of loss_rows
  Indices loss_labels;                            // [targets]; in decoding none
  std::vector<int64_t> loss_begin;                // [sequences + 1], into loss_rows
  // Identity of each row for dropout: (draw id of its sequence << 32) | position.
  RowIds row_ids;                                      // [rows]
  RowIds loss_row_ids;                                 // [targets]
  std::shared_ptr<const SpecialRows> special;          // null where there are none
  std::shared_ptr<const AttentionLayout> full_layout;  // queries at every row, keys at rows of keys
  std::shared_ptr<const AttentionLayout> loss_layout;  // queries at loss_rows

  int64_t rows() const { return static_cast<int64_t>(tokens->size()); }
  int64_t targets() const { return static_cast<int64_t>(loss_rows->size()); }
  int64_t sequences() const { return static_cast<int64_t>(sequence_begin.size()) - 1; }
};

// draw_ids (one a sequence) identify sequences for dropout.
Batch pack_batch(std::span<const TokenExample* const> examples, std::span<const uint64_t> draw_ids,
                 SharedRows shared = SharedRows::kSpecial);

// Consecutive examples, each group holding at most `bound` tokens (an example longer than the bound
// stands alone). A token without row, which has a key and a value all the same, counts as a
// quarter. Returns the group boundaries, [groups + 1].
std::vector<size_t> split_by_tokens(std::span<const TokenExample* const> examples, int64_t bound,
                                    SharedRows shared = SharedRows::kSpecial);

}  // namespace rankscope
