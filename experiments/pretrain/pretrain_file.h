// A pretraining file: what base is made, from which documents (PRETRAIN_FILE.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/pretrain/windows.h"

namespace rankscope {

// What ends a document: GPT-2's.
inline constexpr const char* kEndToken = "<|endoftext|>";

struct PretrainPlan {
  struct Documents {
    std::vector<std::filesystem::path> files;  // none: the embedded world's
    std::int64_t embedded = 0;                 // how many of the world
    std::uint64_t seed = 0;                    // of the world
  };
  struct TokenizerPlan {
    std::int64_t vocabulary = 0;
    std::string pattern = "gpt2";
    std::int64_t tokens_from = 0;  // 0: every document that is trained on
  };
  struct ModelPlan {
    std::int64_t n_embd = 0, n_layer = 0, n_head = 0, n_positions = 0;
    double initializer_range = 0.02;
    bool sinusoidal_positions = false;  // the initial table of positions
  };
  std::string name;  // the file's, without its ending
  std::uint64_t seed = 0;
  Documents documents;
  TokenizerPlan tokenizer;
  ModelPlan model;
  std::int64_t window = 0;  // tokens of a training sequence
  Joining joining = Joining::kMany;
  std::int64_t held_out = 0;                    // so many documents at the end
  std::map<std::string, std::string> training;  // TrainSettings' keys, steps and seed among them
  std::int64_t eval_every = 0;
};

// What may be written in the file. The sections: "pretrain" (the file's own keys), "documents",
// "tokenizer", "model" and "training".
std::vector<std::string> pretrain_keys(std::string_view section);

// Reads and checks the file, changed by `overrides` (KEY=VALUE). No document is read. Throws
// InputError "FILE:LINE: 'KEY': ...".
PretrainPlan read_pretrain_file(const std::filesystem::path& file,
                                std::span<const std::string> overrides);

}  // namespace rankscope
