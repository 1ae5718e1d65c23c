// The base that a pretraining ends with: a Hugging Face folder in bf16 with its record.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "common/json.h"

namespace rankscope {

inline constexpr const char* kBaseRecord = "pretrain.json";

struct BaseParts {
  std::filesystem::path trained;  // model.safetensors in fp32
  OrderedJson config;
  std::string tokenizer_json;
};

// Writes `folder` whole or not at all: the trained weights rounded to bf16 (to nearest, ties to
// even), what belongs beside them, and as pretrain.json what `record_of` says of the folder, which
// it can load as a model.
void write_base(const std::filesystem::path& folder, const BaseParts& parts,
                const std::function<OrderedJson(const std::filesystem::path& made)>& record_of);

}  // namespace rankscope
