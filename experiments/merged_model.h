// A base and an adapter as one model.
#pragma once

#include <filesystem>

#include "engine/backend/backend.h"
#include "engine/checkpoint/model_folder.h"

namespace rankscope {

struct MergePlan {
  std::filesystem::path model;    // Hugging Face folder of the base
  std::filesystem::path adapter;  // PEFT folder, or one that train wrote
  std::filesystem::path out;      // must not exist
  WrittenDType dtype;             // of the weights; none: as the base stores each
};

// Writes `out`, whole or not at all: the base with the adapter in its weights (sums in fp32,
// rounded once to the type that is written), its config.json and its tokenizer's files. `backend`
// computes in the host's memory. Throws InputError, with the reason, for a method whose work no
// weight of the base can do, and for weights that the type does not hold.
void write_merged_model(const MergePlan& plan, Backend& backend);

}  // namespace rankscope
