// The added tokens of tokenizer.json, checked.
#pragma once

#include <cstdint>
#include <vector>

#include "common/json.h"
#include "datasets/tokenizer/added_tokens.h"
#include "datasets/tokenizer/bpe.h"
#include "datasets/tokenizer/normalizer.h"

namespace rankscope::tokenizer {

// Those under "added_tokens", whose ids must be below `limit`. InputError names what is wrong or
// not supported.
std::vector<AddedToken> read_added_tokens(JsonObject& json, const Vocabulary& vocabulary,
                                          const Normalizer& normalizer, int64_t limit);

}  // namespace rankscope::tokenizer
