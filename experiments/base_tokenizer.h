// The tokenizer in a base's folder, held to the base: what it encodes the model can read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/prompts/example.h"
#include "datasets/tokenizer/tokenizer.h"
#include "engine/models/config.h"

namespace rankscope {

class BaseTokenizer {
 public:
  // Warns where the model has rows for ids that the tokenizer does not know (vocabularies are often
  // padded): should the model choose one, it decodes to nothing.
  BaseTokenizer(const std::filesystem::path& model_folder, const ModelConfig& config);

  // A prompt begins with what the tokenizer puts before a text, a continuation with nothing but its
  // own. InputError where an id is outside the model's vocabulary.
  std::vector<std::int32_t> encode(std::string_view text, Part part) const;
  // Without special tokens.
  std::string decode(std::span<const std::int32_t> ids) const;
  // The one token that `text` is inside another text: a number is an id, anything else is encoded.
  // InputError where that gives none or several.
  std::int32_t single_token(const std::string& text) const;

 private:
  Tokenizer tokenizer_;
  std::string folder_;
  std::int64_t vocabulary_;
};

// Whether the folder holds a tokenizer at all.
bool has_tokenizer(const std::filesystem::path& model_folder);

// The tokens that end a text: those of config.json, or `given` where it is not empty. InputError
// where there is none.
std::vector<std::int32_t> end_tokens(const ModelConfig& config, const BaseTokenizer& tokenizer,
                                     const std::string& given);

// The tokens at which a generated text ends: those above, where there are any, and each of `stops`
// (tokens or ids). InputError where `tokenizer` is null and a token is no id.
std::vector<std::int32_t> ending_tokens(const ModelConfig& config, const BaseTokenizer* tokenizer,
                                        const std::string& given,
                                        std::span<const std::string> stops);

}  // namespace rankscope
