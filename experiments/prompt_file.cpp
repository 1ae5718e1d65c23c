#include "experiments/prompt_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <unordered_set>

#include "common/error.h"
#include "common/jsonl.h"
#include "common/suggest.h"
#include "common/text.h"

namespace rankscope {

namespace {

constexpr const char* kPromptLines = "give lines of {\"id\", \"prompt\"}";

Json id_of(JsonObject& object, const std::filesystem::path& file, std::uint64_t line) {
  const Json* id = object.find("id");
  if (id == nullptr) return fmt::format("{}:{}", printable_path(file.stem()), line);
  if (id->is_string() && id->get_ref<const std::string&>().empty())
    object.fail("id", "must not be empty");
  if (id->is_string() || id->is_number_integer()) return *id;
  object.fail("id", "must be a text or a whole number, not " + json_excerpt(*id));
}

// A file may carry more than is read here; but without "choices" a key that is nearly that is a
// slip, and the line's text would be generated where labels were to be ranked.
void refuse_misspelt_choices(const Json& line, const JsonObject& object) {
  if (line.contains("choices")) return;
  const std::string keys[] = {"choices"};
  for (const auto& [key, value] : line.items()) {
    const std::string hint = did_you_mean(key, keys);
    if (value.is_array() && !hint.empty()) object.fail(printable(key), "is not known" + hint);
  }
}

// Plain text is the likeliest that is no JSON: what a line must be belongs to the refusal.
bool next_line(JsonlReader& reader, Json& line) {
  try {
    return reader.next(line);
  } catch (const InputError& error) {
    throw InputError(std::string(error.what()) + "; " + kPromptLines);
  }
}

class PromptReader {
 public:
  PromptReader(const BaseTokenizer* tokenizer, const ModelConfig& config,
               const PromptLimits& limits)
      : tokenizer_(tokenizer), config_(config), limits_(limits) {}

  Prompt read(JsonObject& object) const {
    Prompt prompt;
    prompt.ids = prompt_ids(object);
    if (prompt.ids.empty()) object.fail(key(object), "has no token; there is nothing to continue");
    if (limits_.max_prompt > 0 && static_cast<std::int64_t>(prompt.ids.size()) > limits_.max_prompt)
      prompt.ids.resize(static_cast<std::size_t>(limits_.max_prompt));
    if (limits_.rank && object.has("choices")) read_choices(object, prompt);
    std::int64_t behind = prompt.choices.empty() ? limits_.max_new : 0;
    for (const std::vector<std::int32_t>& choice : prompt.choices)
      behind = std::max(behind, static_cast<std::int64_t>(choice.size()));
    const std::int64_t all = static_cast<std::int64_t>(prompt.ids.size()) + behind;
    if (all > config_.context) {
      const std::int64_t room = config_.context - behind;
      object.fail(
          key(object),
          fmt::format("{} tokens and {} behind them are more than the model's context, {}; {}",
                      prompt.ids.size(), behind, context_text(config_),
                      room > 0
                          ? fmt::format("shorten it, or cut prompts with --max-prompt {}", room)
                      : prompt.choices.empty() ? "lower --max-new"
                                               : "shorten the longest choice"));
    }
    return prompt;
  }

 private:
  static std::string key(JsonObject& object) {
    return object.has("prompt_ids") ? "prompt_ids" : "prompt";
  }

  std::vector<std::int32_t> prompt_ids(JsonObject& object) const {
    if (!object.has("prompt_ids"))
      return encode(object, object.get_string("prompt"), Part::kPrompt);
    if (object.has("prompt"))
      object.fail("prompt", "is given beside 'prompt_ids'; give one of them");
    std::vector<std::int32_t> ids;
    for (const std::int64_t id : object.get_int_array("prompt_ids")) {
      if (id < 0 || id >= config_.vocabulary) {
        object.fail("prompt_ids", fmt::format("token id {} is outside the model's vocabulary of {}",
                                              id, config_.vocabulary));
      }
      ids.push_back(static_cast<std::int32_t>(id));
    }
    return ids;
  }

  std::vector<std::int32_t> encode(JsonObject& object, const std::string& text, Part part) const {
    if (tokenizer_ == nullptr) {
      object.fail(part == Part::kPrompt ? "prompt" : "choices",
                  "is text, but the model's folder has no tokenizer.json; give prompt_ids");
    }
    return tokenizer_->encode(text, part);
  }

  void read_choices(JsonObject& object, Prompt& prompt) const {
    const Json* choices = object.find_array("choices");
    if (tokenizer_ != nullptr && !limits_.end_token) {
      object.fail("choices",
                  "end with the token that ends a text, but config.json has no eos_token_id in its "
                  "vocabulary; give "
                  "it with --end-token");
    }
    std::unordered_set<std::string_view> seen;
    for (const Json& choice : *choices) {
      if (!choice.is_string())
        object.fail("choices", "must hold texts, not " + json_excerpt(choice));
      if (!seen.insert(choice.get_ref<const std::string&>()).second)
        object.fail("choices", json_excerpt(choice) + " is given twice; they must differ");
      prompt.choice_texts.push_back(choice.get<std::string>());
      prompt.choices.push_back(encode(object, prompt.choice_texts.back(), Part::kContinuation));
      prompt.choices.back().push_back(*limits_.end_token);
    }
    if (prompt.choices.size() < 2) object.fail("choices", "must hold at least two texts");
  }

  const BaseTokenizer* tokenizer_;
  const ModelConfig& config_;
  const PromptLimits& limits_;
};

}  // namespace

std::vector<Prompt> read_prompt_file(const std::filesystem::path& file,
                                     const BaseTokenizer* tokenizer, const ModelConfig& config,
                                     const PromptLimits& limits) {
  const PromptReader prompts(tokenizer, config, limits);
  std::vector<Prompt> all;
  std::map<std::string, std::uint64_t> lines;
  JsonlReader reader(file);
  for (Json line; next_line(reader, line);) {
    JsonObject object = reader.object(line, JsonObject::Nulls::kAbsent);
    refuse_misspelt_choices(line, object);
    Prompt prompt = prompts.read(object);
    prompt.written_id = id_of(object, file, reader.line_number());
    prompt.id = prompt.written_id.is_string() ? prompt.written_id.get<std::string>()
                                              : prompt.written_id.dump();
    const auto [first, added] = lines.try_emplace(prompt.id, reader.line_number());
    if (!added) {
      object.fail("id", fmt::format("'{}' is also the id of line {}; give each its own",
                                    printable(prompt.id), first->second));
    }
    all.push_back(std::move(prompt));
  }
  if (all.empty()) {
    throw InputError(printable_path(file) + ": holds no prompts; " + kPromptLines);
  }
  return all;
}

std::vector<Prompt> prompts_of_texts(const std::vector<std::string>& texts,
                                     const BaseTokenizer* tokenizer, const ModelConfig& config,
                                     const PromptLimits& limits) {
  if (tokenizer == nullptr)
    throw InputError(
        "--prompt: the model's folder has no tokenizer.json; give --prompts FILE with prompt_ids");
  const PromptReader reader(tokenizer, config, limits);
  std::vector<Prompt> all;
  for (const std::string& text : texts) {
    const Json line{{"prompt", text}};
    JsonObject object(line, "--prompt");
    Prompt& prompt = all.emplace_back(reader.read(object));
    prompt.written_id = all.size();
    prompt.id = prompt.written_id.dump();
  }
  return all;
}

}  // namespace rankscope
