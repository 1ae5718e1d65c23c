#include "datasets/tokenizer/pre_tokenizer.h"

#include "common/error.h"
#include "common/text.h"
#include "common/utf8.h"
#include "datasets/tokenizer/normalizer.h"

namespace rankscope::tokenizer {

PreTokenizer::PreTokenizer(JsonObject json) {
  read(json);
  if (pattern_ && !byte_level_)
    json.fail("type", "Split without a ByteLevel behind it is not supported");
}

void PreTokenizer::read(JsonObject& json) {
  const std::string type = json.get_string("type");
  if (byte_level_ || !replacement_.empty())
    json.fail("type", "'" + printable(type) + "' after ByteLevel or Metaspace is not supported");
  if (type == "Sequence") {
    for (JsonObject& item : sequence_items(json, "pretokenizers")) read(item);
  } else if (type == "ByteLevel") {
    read_byte_level(json);
  } else if (type == "Split") {
    read_split(json);
  } else if (type == "Metaspace") {
    read_metaspace(json);
  } else {
    refuse_type(json, type, "ByteLevel, Split, Metaspace, Sequence");
  }
  json.finish();
}

void PreTokenizer::read_byte_level(JsonObject& json) {
  byte_level_ = true;
  json.ignore("trim_offsets");
  add_prefix_space_ = json.get_bool_or("add_prefix_space", true);
  if (add_prefix_space_ && pattern_)
    json.fail("add_prefix_space", "is true behind a Split, which is not supported");
  if (json.get_bool_or("use_regex", true)) {
    if (pattern_) json.fail("use_regex", "is true behind a Split, which is not supported");
    pattern_ = SplitPattern::kGpt2;
  }
}

void PreTokenizer::read_split(JsonObject& json) {
  if (pattern_) json.fail("type", "a second Split is not supported");
  JsonObject pattern = json.get_object("pattern");
  if (pattern.has("String")) pattern.fail("String", "is not supported; a Regex is");
  pattern_ = find_pattern(pattern.get_string("Regex"));
  if (!pattern_) {
    pattern.fail(
        "Regex",
        "is a pattern that is not supported; supported are exactly those of GPT-2, Llama 3 "
        "and Qwen2");
  }
  pattern.finish();
  const std::string behavior = json.get_string("behavior");
  const bool invert = json.get_bool_or("invert", false);
  // The known patterns leave nothing between two matches, so these two say the same.
  if (!(behavior == "Isolated") && !(behavior == "Removed" && invert)) {
    json.fail("behavior", "is '" + printable(behavior) + "'" + (invert ? " (inverted)" : "") +
                              ", which is not supported; supported is Isolated");
  }
}

void PreTokenizer::read_metaspace(JsonObject& json) {
  if (pattern_) json.fail("type", "'Metaspace' behind a Split is not supported");
  replacement_ = json.get_string("replacement");
  if (replacement_.empty() || first_code_point(replacement_).bytes != replacement_.size())
    json.fail("replacement", "must be one character");
  json.ignore("str_rep");
  // Older files say add_prefix_space alone.
  const bool older = json.get_bool_or("add_prefix_space", true);
  const std::string scheme = json.get_string_or("prepend_scheme", older ? "always" : "never");
  if (!older && scheme != "never")
    json.fail("add_prefix_space", "is false, but prepend_scheme is '" + printable(scheme) + "'");
  if (scheme == "always") {
    prefix_ = Prefix::kAlways;
  } else if (scheme == "first") {
    prefix_ = Prefix::kFirst;
  } else if (scheme != "never") {
    json.fail("prepend_scheme", "is '" + printable(scheme) + "'; known are always, first, never");
  }
  if (json.get_bool_or("split", true)) cut_before_ = replacement_;
}

std::string PreTokenizer::prepare(std::string_view piece, Place place) const {
  if (replacement_.empty()) {
    const bool wanted = add_prefix_space_ && place != Place::kContinuation;
    return wanted && !piece.starts_with(' ') ? " " + std::string(piece) : std::string(piece);
  }
  std::string text = replace_all(piece, " ", replacement_, grown_limit(piece.size()));
  const bool wanted = (prefix_ == Prefix::kAlways && place != Place::kContinuation) ||
                      (prefix_ == Prefix::kFirst && place == Place::kStart);
  if (wanted && !text.starts_with(replacement_)) text.insert(0, replacement_);
  return text;
}

}  // namespace rankscope::tokenizer
