// A small model that reads text: what the tests of `generate` and of the tasks run on.
#pragma once

#include <string>

#include "tests/engine/models/model_folder.h"

namespace rankscope::tests {

// The golden llama_gqa with the small Llama 2 tokenizer: its vocabulary cut to the tokenizer's ids,
// its context raised (rotary positions need no weights) so that a few sentences fit.
class TextModel {
 public:
  static constexpr int kVocabulary = 800, kContext = 512, kEnd = 2;

  TextModel();
  ModelFolder& folder() { return folder_; }
  std::string path() const { return folder_.path().string(); }

 private:
  ModelFolder folder_{"llama_gqa"};
};

}  // namespace rankscope::tests
