// Text to token ids and back, equal to Hugging Face tokenizers on the same files.
//
//   text -> added tokens cut out -> normalizer -> pre-tokenizer (words) -> BPE -> special tokens
//
// Supported: byte-level BPE with the patterns of GPT-2, Llama 3 and Qwen2, and SentencePiece-style
// BPE with byte fallback. Anything else that a file asks for is refused by name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "datasets/tokenizer/added_tokens.h"
#include "datasets/tokenizer/bpe.h"
#include "datasets/tokenizer/decoder.h"
#include "datasets/tokenizer/normalizer.h"
#include "datasets/tokenizer/post_processor.h"
#include "datasets/tokenizer/pre_tokenizer.h"

namespace rankscope {

// What a tokenizer is made of; its reader has checked that the parts fit.
struct TokenizerParts {
  tokenizer::Bpe model;
  tokenizer::Normalizer normalizer;
  tokenizer::PreTokenizer pre_tokenizer;
  tokenizer::PostProcessor post_processor;
  tokenizer::Decoder decoder;
  std::vector<tokenizer::AddedToken> added;
};

class Tokenizer {
 public:
  // From the folder's tokenizer.json or, where there is none, its vocab.json and merges.txt, which
  // are read as GPT-2's: its pattern, and "<|endoftext|>" as a special token where it is one of the
  // vocabulary's; what beside them would change the ids is an InputError. Beside a tokenizer.json
  // no other file is read: where tokenizer_config.json says other than it (add_prefix_space, tokens
  // of its own), transformers' ids are others. InputError names file and field of what is wrong or
  // not supported.
  static Tokenizer load(const std::filesystem::path& folder);
  // From the text of a tokenizer.json; `source_name` stands for the file in messages.
  static Tokenizer parse(std::string_view json_text, const std::string& source_name);

  explicit Tokenizer(TokenizerParts parts);
  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;

  // The ids of one text. With `add_special_tokens`, those of the post-processor's template stand
  // around it; the text of a special token inside `text` becomes that token either way. Bytes that
  // are not UTF-8 are read as U+FFFD, one for each maximal ill-formed part, as Python's
  // errors="replace" does. May be called from several threads at once. InputError where the text is
  // longer than tokenizer::kMaxTextBytes.
  std::vector<int32_t> encode(std::string_view text, bool add_special_tokens = true) const;
  // Appends to `ids` instead.
  void encode(std::string_view text, bool add_special_tokens, std::vector<int32_t>& ids) const;
  // Appends the ids of a text that goes on behind another, as they are in the text of both where no
  // token reaches across the border and none of the added tokens ends at it: no special tokens, and
  // no prefix (a normalizer's Prepend, a pre-tokenizer's space) at its start. InputError as above.
  void encode_continuation(std::string_view text, std::vector<int32_t>& ids) const;

  // The text of `ids`, always well-formed UTF-8. An id that names no token yields nothing. Skipped
  // are special tokens of either kind; Hugging Face tokenizers shows those that are looked for in
  // the normalised text where the normalizer changes them.
  std::string decode(std::span<const int32_t> ids, bool skip_special_tokens = false) const;

  // One more than the highest id: a model needs at least as many rows.
  int64_t id_count() const { return static_cast<int64_t>(tokens_.size()); }
  std::optional<int32_t> id_of(std::string_view token) const;
  // The token as the file writes it; none where no token has the id.
  const std::string* token_of(int32_t id) const;
  // What the template puts around a text.
  const tokenizer::PostProcessor& special_tokens() const { return parts_.post_processor; }

 private:
  struct Token {
    std::string text;
    bool present = false;
    bool special = false;
  };
  class CachePool;
  class Encoding;

  void encode_text(std::string_view text, tokenizer::Place place, std::vector<int32_t>& ids) const;

  TokenizerParts parts_;
  tokenizer::AddedTokenMatcher raw_tokens_;         // looked for before the normalizer
  tokenizer::AddedTokenMatcher normalized_tokens_;  // and behind it
  std::vector<Token> tokens_;                       // by id
  // What the decoder is given for the tokens that are looked for in the normalised text.
  std::unordered_map<int32_t, std::string> normalized_contents_;
  // Words may be cut before a run of this mark without changing a token; empty: they may not.
  std::string safe_cut_;
  std::unique_ptr<CachePool> caches_;
};

}  // namespace rankscope
