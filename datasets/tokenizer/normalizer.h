// The normalizer of tokenizer.json: NFC, Prepend, Replace of a fixed text, and sequences of them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/json.h"

namespace rankscope::tokenizer {

// The longest text that is tokenized.
inline constexpr size_t kMaxTextBytes = size_t{256} << 20;

// How long a text of `bytes` may become. The replacements of a hostile file can multiply: ten of
// ten bytes each would fill any memory. Those of real files make a text at most three times longer.
inline constexpr size_t grown_limit(size_t bytes) { return 64 * bytes + (size_t{1} << 20); }

class Normalizer {
 public:
  // No normalizer: the text as it is.
  Normalizer() = default;
  // Reads the object under "normalizer". InputError names a type or setting that is not supported.
  explicit Normalizer(JsonObject json);

  bool empty() const { return steps_.empty(); }
  // Whether a text may begin behind its first character afterwards: a Replace of several characters
  // by others, or of one by nothing.
  bool may_move_start() const;
  // `text` is well-formed UTF-8. An empty text stays empty. Without `prefix` nothing is prepended:
  // the text goes on behind another. InputError beyond grown_limit().
  std::string apply(std::string_view text, bool prefix = true) const;

 private:
  enum class Kind { kNfc, kPrepend, kReplace };
  struct Step {
    Kind kind = Kind::kNfc;
    std::string pattern;  // kReplace
    std::string content;
  };
  void read(JsonObject& json);

  std::vector<Step> steps_;
};

// `text` with `content` for every `pattern`, which is not empty, from left to right.
// InputError where the result would be longer than `limit` bytes.
std::string replace_all(std::string_view text, std::string_view pattern, std::string_view content,
                        size_t limit);

// The fixed text under "pattern": {"String": ...}. A regular expression is an InputError.
std::string read_fixed_pattern(JsonObject& json);

// Throws InputError: field "type" is not supported; `supported` says what is.
[[noreturn]] void refuse_type(const JsonObject& json, const std::string& type,
                              const std::string& supported);

// The objects in the array under `key` of a Sequence, whose messages name them 'key[i]'.
std::vector<JsonObject> sequence_items(JsonObject& json, const std::string& key);

}  // namespace rankscope::tokenizer
