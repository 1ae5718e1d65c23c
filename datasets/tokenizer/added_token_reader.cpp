#include "datasets/tokenizer/added_token_reader.h"

#include <algorithm>
#include <limits>
#include <string>
#include <unordered_set>

#include "common/text.h"

namespace rankscope::tokenizer {
namespace {

// At each place of a text as many bytes may be compared; real ones have some dozens.
constexpr size_t kMaxAddedTokenBytes = 4096;

// `text` is an added token's, as it stands or behind the normalizer.
void require_short(const JsonObject& json, std::string_view text) {
  if (text.size() <= kMaxAddedTokenBytes) return;
  json.fail("content", "'" + printable(text, 40) + "' has " + std::to_string(text.size()) +
                           " bytes; an added token may have " +
                           std::to_string(kMaxAddedTokenBytes));
}

AddedToken read_added_token(JsonObject& json) {
  AddedToken token;
  token.content = json.get_string("content");
  if (token.content.empty()) json.fail("content", "must not be empty");
  require_short(json, token.content);
  token.id = static_cast<int32_t>(json.get_int("id", 0, std::numeric_limits<int32_t>::max()));
  token.special = json.get_bool_or("special", false);
  token.single_word = json.get_bool_or("single_word", false);
  token.lstrip = json.get_bool_or("lstrip", false);
  token.rstrip = json.get_bool_or("rstrip", false);
  token.normalized = json.get_bool_or("normalized", !token.special);
  json.finish();
  return token;
}

}  // namespace

// An added token has its id in the vocabulary, or the next behind all before it: Hugging Face's
// tokenizers counts so, whatever the file says.
std::vector<AddedToken> read_added_tokens(JsonObject& json, const Vocabulary& vocabulary,
                                          const Normalizer& normalizer, int64_t limit) {
  std::vector<AddedToken> tokens;
  std::unordered_set<int32_t> taken;
  for (const auto& [token, id] : vocabulary) taken.insert(id);
  auto next = static_cast<int64_t>(vocabulary.size());
  std::unordered_set<std::string> contents, normalized_contents;
  for (JsonObject& item : sequence_items(json, "added_tokens")) {
    AddedToken token = read_added_token(item);
    const std::string shown = "'" + printable(token.content) + "'";
    if (!contents.insert(token.content).second)
      item.fail("content", shown + " is an added token twice");
    if (token.normalized) {
      std::string normalized = normalizer.apply(token.content);
      require_short(item, normalized);
      // Which of two is found depends in Hugging Face's tokenizers on what else they are.
      if (!normalized.empty() && !normalized_contents.insert(std::move(normalized)).second)
        item.fail("content", shown +
                                 " is the same as another added token behind the normalizer, "
                                 "which is not supported");
    }
    const auto found = vocabulary.find(token.content);
    if (found != vocabulary.end() && found->second != token.id) {
      item.fail("id", "of " + shown + " is " + std::to_string(token.id) +
                          ", but the vocabulary has it as " + std::to_string(found->second));
    }
    if (token.id >= limit)
      item.fail("id",
                "must be below " + std::to_string(limit) + ", not " + std::to_string(token.id));
    if (found == vocabulary.end() && !taken.insert(token.id).second)
      item.fail("id", std::to_string(token.id) + " is also another token's");
    if (found == vocabulary.end() && token.id != next)
      item.fail("id", "of " + shown + " is " + std::to_string(token.id) +
                          ", which leaves a gap; the next free one is " + std::to_string(next));
    next = std::max<int64_t>(next, int64_t{token.id} + 1);
    tokens.push_back(std::move(token));
  }
  return tokens;
}

}  // namespace rankscope::tokenizer
