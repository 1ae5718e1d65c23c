// The normalizer of tokenizer.json: NFC, Prepend, Replace of a fixed text, and sequences of them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/json.h"

namespace rankscope::tokenizer {

// The longest text that is tokenized, before and after normalisation.
inline constexpr size_t kMaxTextBytes = size_t{256} << 20;

class Normalizer {
 public:
  // No normalizer: the text as it is.
  Normalizer() = default;
  // Reads the object under "normalizer". InputError names a type or setting that is not supported.
  explicit Normalizer(JsonObject json);

  bool empty() const { return steps_.empty(); }
  // `text` is well-formed UTF-8. An empty text stays empty.
  std::string apply(std::string_view text) const;

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
// InputError where the result is longer than kMaxTextBytes: a file's replacements can multiply.
std::string replace_all(std::string_view text, std::string_view pattern, std::string_view content);

// The fixed text under "pattern": {"String": ...}. A regular expression is an InputError.
std::string read_fixed_pattern(JsonObject& json);

// Throws InputError: field "type" is not supported; `supported` says what is.
[[noreturn]] void refuse_type(const JsonObject& json, const std::string& type,
                              const std::string& supported);

// The objects in the array under `key` of a Sequence, whose messages name them 'key[i]'.
std::vector<JsonObject> sequence_items(JsonObject& json, const std::string& key);

}  // namespace rankscope::tokenizer
