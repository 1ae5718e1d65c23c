// Token files: JSON Lines of {"prompt_ids": [...], "target_ids": [...]}.
#pragma once

#include <filesystem>
#include <vector>

#include "engine/models/batch.h"
#include "engine/models/config.h"

namespace rankscope {

// Reads a whole file and checks each line against the model: ids inside the vocabulary, at least
// one target, not longer than the context. Throws InputError naming file and line.
std::vector<TokenExample> read_token_file(const std::filesystem::path& file,
                                          const ModelConfig& config);

}  // namespace rankscope
