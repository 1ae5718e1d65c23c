// The pre-tokenizer of tokenizer.json: how a piece of text is cut into the words that BPE sees.
// ByteLevel, Split by a known pattern before ByteLevel, and Metaspace.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/json.h"
#include "datasets/tokenizer/split_pattern.h"

namespace rankscope::tokenizer {

// Where a piece of text stands: the input begins with it; it follows an added token; or the input
// begins with it and goes on behind another text, so that nothing is put before it.
enum class Place { kStart, kInside, kContinuation };

class PreTokenizer {
 public:
  // None: a piece is one word.
  PreTokenizer() = default;
  // Reads the object under "pre_tokenizer". InputError names what is not supported.
  explicit PreTokenizer(JsonObject json);
  // ByteLevel with the given pattern, as GPT-2's files without a tokenizer.json mean it.
  explicit PreTokenizer(SplitPattern pattern) : byte_level_(true), pattern_(pattern) {}

  // Words are bytes, and the vocabulary is written in the byte alphabet.
  bool byte_level() const { return byte_level_; }
  // Does prepare() do anything?
  bool prepares() const { return add_prefix_space_ || !replacement_.empty(); }
  // Is the prefix put before the beginning of the input alone?
  bool prefixes_start_alone() const { return prefix_ == Prefix::kFirst; }
  // The piece with its spaces replaced and its prefix added.
  std::string prepare(std::string_view piece, Place place) const;

  // A piece is cut by the pattern; or before each of these marks; or not at all.
  const std::optional<SplitPattern>& pattern() const { return pattern_; }
  const std::string& cut_before() const { return cut_before_; }

 private:
  enum class Prefix { kAlways, kFirst, kNever };
  void read(JsonObject& json);
  void read_byte_level(JsonObject& json);
  void read_split(JsonObject& json);
  void read_metaspace(JsonObject& json);

  bool byte_level_ = false;
  bool add_prefix_space_ = false;
  std::optional<SplitPattern> pattern_;
  std::string replacement_;  // Metaspace's
  Prefix prefix_ = Prefix::kNever;
  std::string cut_before_;
};

}  // namespace rankscope::tokenizer
