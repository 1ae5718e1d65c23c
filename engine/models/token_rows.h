// Which tokens of a batch's sequences are computed, each as a row, and whose key and value each
// has. Tokens with which several sequences begin yield the same in all of them: they can be
// computed once for a batch, or not at all where the method gives their keys and values itself.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/backend/index_array.h"

namespace rankscope {

// One training or scored example: the loss is taken at the target tokens alone.
struct TokenExample {
  std::vector<int32_t> prompt;
  std::vector<int32_t> target;
  int64_t tokens() const { return static_cast<int64_t>(prompt.size() + target.size()); }
  // Target tokens that carry a loss: where no row stands before the first, nothing predicts it.
  int64_t predicted() const;
};

// Tokens that are no words, in every sequence of a method that has such: the first `prefix` stand
// before the prompt, the others between prompt and target.
struct SpecialTokens {
  int64_t prefix = 0;
  int64_t infix = 0;
  // The prefix is keys and values of attention and nothing else.
  bool keys_alone = false;
  int64_t count() const { return prefix + infix; }
};
std::vector<int32_t> with_special_tokens(const SpecialTokens& special,
                                         std::span<const int32_t> prompt);
std::vector<TokenExample> with_special_tokens(const SpecialTokens& special,
                                              std::span<const TokenExample> examples);

// Where special tokens stand in a batch.
struct SpecialRows {
  Indices rows;  // rising: of the batch's rows, or, where they are keys alone, of its rows of keys
  Indices ids;   // which special token is there
};

// Which tokens at the beginning of a sequence are not computed again where the sequence before it
// in the batch has them too: none, as it has to be where each sequence has dropout of its own;
// special ones; or any. Forward, no bit depends on it; gradients are sums over rows, whose last
// bits do.
enum class SharedRows { kNone, kSpecial, kAny };

// How many tokens at the beginning of a sequence get no row: those that are keys alone, and those
// that it shares with the sequence before it (empty: this is the first). The last `own` tokens but
// those of keys alone always get rows.
int64_t tokens_without_row(std::span<const int32_t> tokens, std::span<const int32_t> before,
                           SharedRows shared, int64_t own = 1);

// The rows of a batch while it grows.
class TokenRows {
 public:
  explicit TokenRows(SharedRows shared) : shared_(shared) {}
  // Begins a sequence; says how many of its tokens, which must outlive this, get no row. The others
  // are added before the next sequence begins.
  int64_t begin(std::span<const int32_t> tokens, int64_t own = 1);
  // The next token of the sequence, which gets a row.
  void add(int32_t token);

  int64_t rows() const { return std::ssize(tokens_); }
  int64_t keys() const { return std::ssize(key_rows_); }

  // What Batch says of these names.
  std::shared_ptr<const Indices> take_tokens();
  std::shared_ptr<const Indices> take_key_rows();
  std::shared_ptr<const SpecialRows> take_special();

 private:
  SharedRows shared_;
  std::span<const int32_t> before_;  // the sequence begun last
  int64_t before_keys_ = 0;          // where its rows of keys begin
  std::vector<int32_t> tokens_, key_rows_;
  std::vector<int32_t> special_rows_, special_ids_;
};

}  // namespace rankscope
