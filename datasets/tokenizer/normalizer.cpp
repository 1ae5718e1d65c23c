#include "datasets/tokenizer/normalizer.h"

#include <algorithm>

#include "common/error.h"
#include "common/text.h"
#include "common/utf8.h"
#include "datasets/tokenizer/nfc.h"

namespace rankscope::tokenizer {

namespace {

[[noreturn]] void refuse_growth(const std::string& what, size_t limit) {
  throw InputError("the tokenizer's " + what + " a text longer than the " + std::to_string(limit) +
                   " bytes allowed for it; is the tokenizer file intact?");
}

}  // namespace

std::string replace_all(std::string_view text, std::string_view pattern, std::string_view content,
                        size_t limit) {
  std::string out;
  out.reserve(text.size() + text.size() / 2);
  size_t at = 0;
  for (size_t found = text.find(pattern); found != std::string_view::npos;
       found = text.find(pattern, at)) {
    out.append(text.substr(at, found - at)).append(content);
    at = found + pattern.size();
    if (out.size() + (text.size() - at) > limit)
      refuse_growth("replacements of '" + printable(pattern) + "' make", limit);
  }
  return out.append(text.substr(at));
}

std::string read_fixed_pattern(JsonObject& json) {
  JsonObject pattern = json.get_object("pattern");
  if (pattern.has("Regex"))
    pattern.fail("Regex", "regular expressions are not supported here, only a fixed String");
  const std::string text = pattern.get_string("String");
  if (text.empty()) pattern.fail("String", "must not be empty");
  pattern.finish();
  return text;
}

void refuse_type(const JsonObject& json, const std::string& type, const std::string& supported) {
  json.fail("type",
            "is '" + printable(type) + "', which is not supported; supported are " + supported);
}

std::vector<JsonObject> sequence_items(JsonObject& json, const std::string& key) {
  std::vector<JsonObject> items;
  const Json& array = json.get_array(key);
  for (size_t i = 0; i < array.size(); ++i) {
    items.emplace_back(array[i], json.where() + ": " + key + "[" + std::to_string(i) + "]",
                       JsonObject::Nulls::kAbsent);
  }
  return items;
}

Normalizer::Normalizer(JsonObject json) { read(json); }

void Normalizer::read(JsonObject& json) {
  const std::string type = json.get_string("type");
  if (type == "Sequence") {
    for (JsonObject& item : sequence_items(json, "normalizers")) read(item);
  } else if (type == "NFC") {
    steps_.push_back({Kind::kNfc, "", ""});
  } else if (type == "Prepend") {
    steps_.push_back({Kind::kPrepend, "", json.get_string("prepend")});
  } else if (type == "Replace") {
    std::string pattern = read_fixed_pattern(json);
    steps_.push_back({Kind::kReplace, std::move(pattern), json.get_string("content")});
  } else {
    refuse_type(json, type, "NFC, Prepend, Replace, Sequence");
  }
  json.finish();
}

bool Normalizer::may_move_start() const {
  return std::ranges::any_of(steps_, [](const Step& step) {
    return step.kind == Kind::kReplace &&
           (step.content.empty() || first_code_point(step.pattern).bytes < step.pattern.size());
  });
}

std::string Normalizer::apply(std::string_view text, bool prefix) const {
  std::string out(text);
  const size_t limit = grown_limit(text.size());
  for (const Step& step : steps_) {
    if (step.kind == Kind::kNfc) {
      out = nfc(out);
    } else if (step.kind == Kind::kReplace) {
      out = replace_all(out, step.pattern, step.content, limit);
    } else if (prefix && !out.empty()) {
      out.insert(0, step.content);
      if (out.size() > limit) refuse_growth("Prepend makes", limit);
    }
  }
  return out;
}

}  // namespace rankscope::tokenizer
