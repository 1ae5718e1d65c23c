// Learns a byte-level BPE from text (Sennrich et al., 1508.07909, algorithm 1), with the tie rules
// of Hugging Face tokenizers' BpeTrainer, so that equal text gives its vocabulary and its merges.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "datasets/tokenizer/bpe.h"
#include "datasets/tokenizer/split_pattern.h"

namespace rankscope {

struct BpeTrainerSettings {
  tokenizer::SplitPattern pattern = tokenizer::SplitPattern::kGpt2;
  int64_t vocabulary = 0;                   // ids at most, special tokens included
  int64_t min_count = 2;                    // a pair seen less often is not merged
  std::vector<std::string> special_tokens;  // the first ids, in this order
};

class BpeTrainer {
 public:
  // InputError where the vocabulary cannot hold the 256 bytes and the special tokens, or where
  // these are empty, equal or single bytes of the alphabet.
  explicit BpeTrainer(BpeTrainerSettings settings);

  // Counts the words of one text. Bytes that are not UTF-8 count as U+FFFD.
  void add(std::string_view text);

  // The tokenizer.json of what was added: one answer for one multiset of texts, in whatever order
  // they came. The vocabulary is smaller than asked for where no pair is left to merge.
  std::string train() const;

 private:
  BpeTrainerSettings settings_;
  std::unordered_map<std::string, uint64_t, tokenizer::StringHash, std::equal_to<>> counts_;
};

}  // namespace rankscope
