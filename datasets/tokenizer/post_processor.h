// The post-processor of tokenizer.json: which special tokens stand around a text.
#pragma once

#include <cstdint>
#include <vector>

#include "common/json.h"

namespace rankscope::tokenizer {

struct PostProcessor {
  std::vector<int32_t> before, after;
};

// Reads the object under "post_processor": ByteLevel (which moves no id), TemplateProcessing (its
// template for one text), and sequences of them. Ids must be below `id_count`. InputError names
// what is not supported.
PostProcessor read_post_processor(JsonObject json, int64_t id_count);

}  // namespace rankscope::tokenizer
