#include "tests/experiments/text_model.h"

#include <filesystem>

namespace rankscope::tests {

TextModel::TextModel() {
  std::filesystem::copy(std::filesystem::path(RANKSCOPE_SOURCE_DIR) /
                            "tests/reference/tokenizers/llama2/tokenizer.json",
                        folder_.path() / "tokenizer.json");
  folder_.change_config([](Json& config) {
    config["vocab_size"] = kVocabulary;
    config["max_position_embeddings"] = kContext;
  });
  folder_.change_tensors([](OwnedTensors& tensors) {
    OwnedTensor& embedding = tensors.at("model.embed_tokens.weight");
    embedding.bytes.resize(embedding.bytes.size() / static_cast<size_t>(embedding.shape[0]) *
                           kVocabulary);
    embedding.shape[0] = kVocabulary;
  });
}

}  // namespace rankscope::tests
