// The documents of a pretraining file.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "common/json.h"
#include "experiments/pretrain/pretrain_file.h"

namespace rankscope {

struct Documents {
  std::vector<std::string> texts;
  std::int64_t held_out = 0;
  std::string sha256;  // over all texts, each with its length
  OrderedJson source;  // where they come from

  std::span<const std::string> trained() const {
    return std::span(texts).first(texts.size() - static_cast<std::size_t>(held_out));
  }
  std::span<const std::string> kept_back() const {
    return std::span(texts).last(static_cast<std::size_t>(held_out));
  }
};

// Reads or makes them. InputError where none is left to train on, or where the tokenizer would see
// held-out ones.
Documents load_documents(const PretrainPlan& plan);

}  // namespace rankscope
