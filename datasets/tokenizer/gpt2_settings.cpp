#include "datasets/tokenizer/gpt2_settings.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string>

#include "common/error.h"
#include "common/files.h"
#include "common/jsonl.h"
#include "common/text.h"

namespace rankscope::tokenizer {

namespace {

// Tokens' descriptions can be many.
constexpr JsonLimits kConfigLimits{.max_bytes = uint64_t{64} << 20, .max_depth = 64};
constexpr std::array<std::string_view, 4> kSwitches = {"add_prefix_space", "add_bos_token",
                                                       "add_eos_token", "split_special_tokens"};
constexpr std::array<std::string_view, 3> kTokenLists = {
    "additional_special_tokens", "extra_special_tokens", "added_tokens_decoder"};
// What an added token takes of the text around it, or wants of it.
constexpr std::array<const char*, 3> kTokenSwitches = {"lstrip", "rstrip", "single_word"};

[[noreturn]] void refuse(JsonObject& json, const std::string& field, const std::string& what) {
  json.fail(field, what +
                       ", but vocab.json and merges.txt without a tokenizer.json are read as "
                       "GPT-2's; convert the folder to tokenizer.json "
                       "(AutoTokenizer.from_pretrained(...).save_pretrained(...))");
}

bool is_true(const Json& value) { return value.is_boolean() && value.get<bool>(); }

// What is other than with GPT-2's one special token; empty where nothing is.
std::string other_token(const Json& token) {
  if (token.is_null() || token.is_boolean()) return {};
  const bool described = token.is_object() && token.contains("content");
  const Json& content = described ? token["content"] : token;
  if (!content.is_string()) return json_excerpt(content);
  if (content.get_ref<const std::string&>() != kEndOfText)
    return "'" + printable(content.get_ref<const std::string&>()) + "'";
  if (!described) return {};
  for (const char* key : kTokenSwitches) {
    if (token.contains(key) && is_true(token[key]))
      return "'" + std::string(kEndOfText) + "' with " + key;
  }
  return {};
}

void require_gpt2_tokens(JsonObject& json, const Json& parsed) {
  for (const auto& [key, value] : parsed.items()) {
    if (std::ranges::find(kSwitches, key) != kSwitches.end()) {
      if (is_true(value)) refuse(json, key, "is true");
    } else if (std::ranges::find(kTokenLists, key) != kTokenLists.end()) {
      if (!value.is_structured()) continue;
      for (const auto& [place, token] : value.items()) {
        if (const std::string other = other_token(token); !other.empty())
          refuse(json, key, "holds " + other);
      }
    } else if (key.ends_with("_token")) {
      if (const std::string other = other_token(value); !other.empty())
        refuse(json, key, "is " + other);
    }
  }
}

// `field` must be one of `gpt2` where it is there: vocab.json and merges.txt look alike whatever
// cuts the words, and another's ids would be wrong in silence.
void require_gpt2_kind(JsonObject& json, const char* field,
                       std::initializer_list<std::string_view> gpt2) {
  if (!json.has(field)) return;
  const std::string value = json.get_string(field);
  if (std::ranges::find(gpt2, value) == gpt2.end())
    refuse(json, field, "is '" + printable(value) + "'");
}

template <typename Check>
void check_file(const std::filesystem::path& path, const Check& check) {
  if (!is_there(path)) return;
  const Json parsed = read_json_file(path, kConfigLimits);
  JsonObject json(parsed, printable_path(path), JsonObject::Nulls::kAbsent);
  check(json, parsed);
}

}  // namespace

void require_gpt2_settings(const std::filesystem::path& folder) {
  const std::filesystem::path extra = folder / "added_tokens.json";
  if (is_there(extra))
    throw InputError(printable_path(extra) +
                     ": is not read beside vocab.json; convert the folder to tokenizer.json");
  check_file(folder / "tokenizer_config.json", [](JsonObject& json, const Json& parsed) {
    require_gpt2_kind(json, "tokenizer_class", {"GPT2Tokenizer", "GPT2TokenizerFast"});
    require_gpt2_tokens(json, parsed);
  });
  check_file(folder / "special_tokens_map.json", require_gpt2_tokens);
  check_file(folder / "config.json", [](JsonObject& json, const Json&) {
    require_gpt2_kind(json, "model_type", {"gpt2"});
  });
}

}  // namespace rankscope::tokenizer
