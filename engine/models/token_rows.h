// Which tokens of a batch's sequences are computed, each as a row, and whose key and value each
// has. A method's special tokens at the beginning of every sequence yield the same in all of them:
// they are computed once for a batch, or not at all where the method gives their keys and values
// itself.
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

// Whether the special tokens at the beginning of sequences are computed once for a batch, or, as it
// has to be where each sequence has dropout of its own, in every sequence. Forward, no bit depends
// on it.
enum class PrefixRows { kShared, kOwn };

// How many tokens at the beginning of a sequence get no row: those that are keys alone, or those
// that the batch's first sequence (empty: this is the first) computes for it. The last `own` tokens
// but those of keys alone always get rows.
int64_t tokens_without_row(std::span<const int32_t> tokens, std::span<const int32_t> first,
                           PrefixRows prefix, int64_t own = 1);

// The rows of a batch while it grows.
class TokenRows {
 public:
  explicit TokenRows(PrefixRows prefix) : prefix_(prefix) {}
  // Begins a sequence; says how many of its tokens, which must outlive this, get no row. The first
  // sequence is begun before others' tokens are added.
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
  PrefixRows prefix_;
  std::span<const int32_t> first_;
  std::vector<int32_t> tokens_, key_rows_;
  std::vector<int32_t> special_rows_, special_ids_;
};

}  // namespace rankscope
