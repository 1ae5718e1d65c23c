#include "experiments/base_tokenizer.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "common/error.h"
#include "common/files.h"
#include "common/log.h"
#include "common/text.h"

namespace rankscope {

namespace {

// Nothing where `text` is no number.
std::optional<std::int32_t> written_id(const std::string& text, std::int64_t vocabulary) {
  std::int32_t id = -1;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || rest != text.data() + text.size()) return {};
  if (id >= 0 && id < vocabulary) return id;
  throw InputError(
      fmt::format("token id {} is outside the model's vocabulary of {}", id, vocabulary));
}

}  // namespace

BaseTokenizer::BaseTokenizer(const std::filesystem::path& model_folder, const ModelConfig& config)
    : tokenizer_(Tokenizer::load(model_folder)),
      folder_(printable_path(model_folder)),
      vocabulary_(config.vocabulary) {
  if (tokenizer_.id_count() < vocabulary_) {
    log::warning("{}: the tokenizer has {} ids, the model {}: ids beyond decode to nothing",
                 folder_, tokenizer_.id_count(), vocabulary_);
  }
}

std::vector<std::int32_t> BaseTokenizer::encode(std::string_view text, Part part) const {
  std::vector<std::int32_t> ids;
  if (part == Part::kPrompt) {
    ids = tokenizer_.special_tokens().before;
    tokenizer_.encode(text, false, ids);
  } else {
    tokenizer_.encode_continuation(text, ids);
  }
  for (const std::int32_t id : ids) {
    if (id >= vocabulary_) {
      throw InputError(fmt::format(
          "{}: the tokenizer gives id {}, but the model's vocabulary has {}; is the tokenizer "
          "another model's?",
          folder_, id, vocabulary_));
    }
  }
  return ids;
}

std::string BaseTokenizer::decode(std::span<const std::int32_t> ids) const {
  return tokenizer_.decode(ids, true);
}

std::int32_t BaseTokenizer::single_token(const std::string& text) const {
  if (const auto id = written_id(text, vocabulary_)) return *id;
  if (const auto found = tokenizer_.id_of(text); found && *found < vocabulary_) return *found;
  const std::vector<std::int32_t> ids = encode(text, Part::kContinuation);
  if (ids.size() == 1) return ids[0];
  throw InputError(
      fmt::format("'{}' is {} tokens to this tokenizer, not one; give a token or its id",
                  printable(text), ids.size()));
}

bool has_tokenizer(const std::filesystem::path& model_folder) {
  return is_there(model_folder / "tokenizer.json") || is_there(model_folder / "vocab.json");
}

std::vector<std::int32_t> end_tokens(const ModelConfig& config, const BaseTokenizer& tokenizer,
                                     const std::string& given) {
  if (!given.empty()) return {tokenizer.single_token(given)};
  std::vector<std::int32_t> ids;
  for (const std::int64_t id : config.eos_ids) ids.push_back(static_cast<std::int32_t>(id));
  if (ids.empty()) {
    throw InputError(
        "config.json has no eos_token_id in its vocabulary; give the token that ended documents in "
        "the base's "
        "pretraining with --end-token");
  }
  return ids;
}

std::vector<std::int32_t> ending_tokens(const ModelConfig& config, const BaseTokenizer* tokenizer,
                                        const std::string& given,
                                        std::span<const std::string> stops) {
  const auto token = [&](const std::string& text) {
    if (tokenizer != nullptr) return tokenizer->single_token(text);
    if (const auto id = written_id(text, config.vocabulary)) return *id;
    throw InputError(fmt::format(
        "'{}': the model's folder has no tokenizer.json; give the token's id", printable(text)));
  };
  std::vector<std::int32_t> ids;
  if (!given.empty()) {
    ids.push_back(token(given));
  } else {
    ids.assign(config.eos_ids.begin(), config.eos_ids.end());
  }
  for (const std::string& stop : stops) ids.push_back(token(stop));
  return ids;
}

}  // namespace rankscope
