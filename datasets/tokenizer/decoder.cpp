#include "datasets/tokenizer/decoder.h"

#include <algorithm>
#include <charconv>

#include "common/error.h"
#include "common/text.h"
#include "common/utf8.h"
#include "datasets/tokenizer/byte_alphabet.h"
#include "datasets/tokenizer/normalizer.h"

namespace rankscope::tokenizer {
namespace {

std::string concatenate(const std::vector<std::string>& tokens, std::string_view between = "") {
  std::string text;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0) text += between;
    text += tokens[i];
  }
  return text;
}

// The byte of <0xNN>, as Rust's u8::from_str_radix reads it (a sign is a digit's place); -1: none.
int fallback_byte(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
  std::string_view digits = token.substr(3, 2);
  if (digits[0] == '+') digits.remove_prefix(1);
  int value = -1;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (error != std::errc{} || end != digits.data() + digits.size() || value < 0) return -1;
  return value;
}

std::string one_character(JsonObject& json, const std::string& key) {
  const std::string text = json.get_string(key);
  if (text.empty() || first_code_point(text).bytes != text.size())
    json.fail(key, "must be one character");
  return text;
}

}  // namespace

Decoder::Decoder(JsonObject json) {
  read(json);
  // A sequence of none joins the tokens; no decoder at all puts spaces between them.
  if (steps_.empty()) steps_.emplace_back().kind = Kind::kFuse;
}

Decoder Decoder::byte_level() {
  Decoder decoder;
  decoder.steps_.emplace_back().kind = Kind::kByteLevel;
  return decoder;
}

void Decoder::read(JsonObject& json) {
  const std::string type = json.get_string("type");
  if (type == "Sequence") {
    for (JsonObject& item : sequence_items(json, "decoders")) read(item);
    json.finish();
    return;
  }
  Step step;
  if (type == "ByteLevel") {
    step.kind = Kind::kByteLevel;
    for (const char* key : {"add_prefix_space", "trim_offsets", "use_regex"}) json.ignore(key);
  } else if (type == "ByteFallback") {
    step.kind = Kind::kByteFallback;
  } else if (type == "Fuse") {
    step.kind = Kind::kFuse;
  } else if (type == "Metaspace") {
    step.kind = Kind::kMetaspace;
    step.pattern = one_character(json, "replacement");
    const bool older = json.get_bool_or("add_prefix_space", true);
    step.drop_first = json.get_string_or("prepend_scheme", older ? "always" : "never") != "never";
    json.ignore("split");
    json.ignore("str_rep");
  } else if (type == "Replace") {
    step.kind = Kind::kReplace;
    step.pattern = read_fixed_pattern(json);
    step.content = json.get_string("content");
  } else if (type == "Strip") {
    step.kind = Kind::kStrip;
    step.pattern = one_character(json, "content");
    step.start = json.get_uint("start");
    step.stop = json.get_uint("stop");
  } else {
    refuse_type(json, type, "ByteFallback, ByteLevel, Fuse, Metaspace, Replace, Sequence, Strip");
  }
  json.finish();
  steps_.push_back(std::move(step));
}

// A run of byte tokens is text where it is UTF-8, and otherwise one U+FFFD for each byte.
void Decoder::byte_fallback(std::vector<std::string>& tokens) {
  std::vector<std::string> out;
  std::string bytes;
  const auto flush = [&] {
    if (valid_prefix(bytes) == bytes.size()) {
      if (!bytes.empty()) out.push_back(bytes);
    } else {
      out.insert(out.end(), bytes.size(), "\xef\xbf\xbd");
    }
    bytes.clear();
  };
  for (std::string& token : tokens) {
    const int byte = fallback_byte(token);
    if (byte >= 0) {
      bytes.push_back(static_cast<char>(byte));
      continue;
    }
    flush();
    out.push_back(std::move(token));
  }
  flush();
  tokens = std::move(out);
}

// Replace, and Metaspace, which replaces its mark by a space or, in the first token, by nothing.
void Decoder::replace(const Step& step, std::vector<std::string>& tokens, size_t limit) {
  size_t used = 0;
  for (size_t i = 0; i < tokens.size(); ++i) {
    std::string_view content = step.content;
    if (step.kind == Kind::kMetaspace) content = i == 0 && step.drop_first ? "" : " ";
    tokens[i] = replace_all(tokens[i], step.pattern, content, limit - std::min(limit, used));
    used += tokens[i].size();
  }
}

std::string Decoder::strip(const Step& step, const std::string& token) {
  std::string_view rest = token;
  for (uint64_t i = 0; i < step.start && rest.starts_with(step.pattern); ++i)
    rest.remove_prefix(step.pattern.size());
  for (uint64_t i = 0; i < step.stop && rest.ends_with(step.pattern); ++i)
    rest.remove_suffix(step.pattern.size());
  return std::string(rest);
}

std::string Decoder::apply(std::vector<std::string> tokens) const {
  if (steps_.empty()) return concatenate(tokens, " ");
  size_t bytes = 0;
  for (const std::string& token : tokens) bytes += token.size();
  const size_t limit = grown_limit(bytes);
  for (const Step& step : steps_) {
    switch (step.kind) {
      case Kind::kByteLevel: {
        std::string text;
        for (const std::string& token : tokens) text += read_bytes(token).value_or(token);
        tokens = {repair_utf8(text)};
        break;
      }
      case Kind::kByteFallback:
        byte_fallback(tokens);
        break;
      case Kind::kFuse:
        tokens = {concatenate(tokens)};
        break;
      case Kind::kMetaspace:
      case Kind::kReplace:
        replace(step, tokens, limit);
        break;
      case Kind::kStrip:
        for (std::string& token : tokens) token = strip(step, token);
        break;
    }
  }
  return concatenate(tokens);
}

}  // namespace rankscope::tokenizer
