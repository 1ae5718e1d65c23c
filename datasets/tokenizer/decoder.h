// The decoder of tokenizer.json: from tokens back to text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/json.h"

namespace rankscope::tokenizer {

class Decoder {
 public:
  // None: tokens joined by spaces, as Hugging Face tokenizers does.
  Decoder() = default;
  // Reads the object under "decoder". InputError names a type that is not supported; supported are
  // ByteLevel, ByteFallback, Fuse, Metaspace, Replace, Strip and sequences of them.
  explicit Decoder(JsonObject json);
  // ByteLevel.
  static Decoder byte_level();

  // Well-formed UTF-8; bytes that form no character become U+FFFD. InputError where
  // replacements make the text longer than grown_limit() allows.
  std::string apply(std::vector<std::string> tokens) const;

 private:
  enum class Kind { kByteLevel, kByteFallback, kFuse, kMetaspace, kReplace, kStrip };
  struct Step {
    Kind kind = Kind::kFuse;
    std::string pattern;  // kReplace, kStrip, kMetaspace: a text, a character, a character
    std::string content;  // kReplace
    uint64_t start = 0;   // kStrip: how many at most
    uint64_t stop = 0;
    bool drop_first = false;  // kMetaspace: no space from the first token
  };
  void read(JsonObject& json);

  static void byte_fallback(std::vector<std::string>& tokens);
  static void replace(const Step& step, std::vector<std::string>& tokens, size_t limit);
  static std::string strip(const Step& step, const std::string& token);

  std::vector<Step> steps_;
};

}  // namespace rankscope::tokenizer
