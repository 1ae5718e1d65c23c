// Documents packed into the sequences that a base is trained on.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "datasets/tokenizer/tokenizer.h"
#include "engine/models/batch.h"

namespace rankscope {

// The prompt of an example is its first token, the target all others: what carries loss is every
// token that has one before it.
struct Windows {
  std::vector<TokenExample> examples;
  std::int64_t documents = 0;
  std::int64_t tokens = 0;  // in the examples, end tokens among them
  std::int64_t documents_cut = 0;
  std::int64_t tokens_cut = 0;
};

// What a training sequence holds: consecutive whole documents as long as they fit, or one document.
enum class Joining { kMany, kOne };

// Makes training sequences of at most `window` tokens from documents, each with its end token. Only
// a document that alone is longer is cut: its first `window` tokens stay.
class WindowPacker {
 public:
  WindowPacker(std::int64_t window, std::int32_t end_token, Joining joining)
      : window_(static_cast<std::size_t>(window)), end_token_(end_token), joining_(joining) {}

  // At least one token, without the end token.
  void add(std::vector<std::int32_t> document);
  Windows finish();

 private:
  void close();

  std::size_t window_;
  std::int32_t end_token_;
  Joining joining_;
  std::vector<std::int32_t> open_;
  Windows windows_;
};

Windows pack_documents(std::span<const std::string> documents, const Tokenizer& tokenizer,
                       std::int32_t end_token, std::int64_t window, Joining joining);

}  // namespace rankscope
