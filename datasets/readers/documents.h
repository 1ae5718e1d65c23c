// Plain documents, what a base is trained on: objects with a "text" each.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/readers/record.h"

namespace rankscope {

struct DocumentSet {
  std::vector<std::string> texts;  // of all files in their order; none is empty
  ReadReport report;
};

// Other keys than "text" are passed over, as corpora carry addresses and dates; empty texts are
// skipped and counted. A text that holds `end_token` is an InputError: a tokenizer would end the
// document there.
DocumentSet read_documents(std::span<const std::filesystem::path> files,
                           std::string_view end_token);

}  // namespace rankscope
