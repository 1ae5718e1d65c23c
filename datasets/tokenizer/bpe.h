// Byte-pair encoding (Sennrich et al., 1508.07909, section 3.2) with the units that Hugging Face
// tokenizers gives it: bytes in GPT-2's alphabet, or characters with byte fallback.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "datasets/tokenizer/merge_table.h"

namespace rankscope::tokenizer {

struct BpeSettings {
  // Words are bytes, and the vocabulary is written in the byte alphabet.
  bool byte_level = false;
  // A character that is no token becomes its bytes' tokens <0x00> to <0xFF>.
  bool byte_fallback = false;
  // Neighbouring unknown characters become one unknown token.
  bool fuse_unknown = false;
  // A word that is a token is that token, whatever the merges say.
  bool ignore_merges = false;
  std::optional<std::string> unknown_token;
};

// A merge's two halves, by id, and the token they make.
struct Merge {
  int32_t left = 0, right = 0, result = 0;
};

struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
using Vocabulary = std::unordered_map<std::string, int32_t, StringHash, std::equal_to<>>;

class Bpe {
 public:
  Bpe() = default;
  // `merges` in the order of their rank. Ids are non-negative and unique, the unknown token is in
  // the vocabulary: the reader has checked it.
  Bpe(Vocabulary vocabulary, const std::vector<Merge>& merges, BpeSettings settings);

  // Appends the tokens of one word: bytes, or well-formed UTF-8 where not byte_level. Shorter than
  // 2^31 bytes. A character without a token is dropped where there is no unknown token.
  void encode(std::string_view word, std::vector<int32_t>& out) const;

  // True where no token reaches across a border between anything and a following `mark`, so that a
  // word may be cut before each run of marks without changing its tokens.
  bool may_cut_before(std::string_view mark) const;

  const Vocabulary& vocabulary() const { return vocabulary_; }
  const BpeSettings& settings() const { return settings_; }

 private:
  void start_bytes(std::string_view word, std::vector<int32_t>& symbols) const;
  void start_characters(std::string_view word, std::vector<int32_t>& symbols) const;
  bool append_fallback(std::string_view character, std::vector<int32_t>& symbols) const;
  void merge_short(std::vector<int32_t>& symbols) const;
  void merge_long(std::vector<int32_t>& symbols) const;

  Vocabulary vocabulary_;
  BpeSettings settings_;
  MergeTable merges_;
  int32_t unknown_ = -1;
  std::array<int32_t, 256> byte_ids_{};      // of the byte alphabet's characters
  std::array<int32_t, 256> fallback_ids_{};  // of <0x00> to <0xFF>
  std::unordered_map<char32_t, int32_t> character_ids_;
  std::unordered_map<std::string, int32_t, StringHash, std::equal_to<>> whole_words_;
};

}  // namespace rankscope::tokenizer
