// Prompt tuning and prefix tuning as PEFT folders: adapter_config.json, and
// adapter_model.safetensors with prompt_embeddings [tokens, ...]. A row is a token's embedding
// (PROMPT_TUNING, Lester et al., arXiv 2104.08691), or the key of layer 0, its value, the key of
// layer 1, ... as attention meets them (PREFIX_TUNING, Li and Liang, arXiv 2101.00190):
// prefix_embed without infix, and prefix_kv.
#pragma once

#include <filesystem>
#include <memory>

#include "engine/checkpoint/adapter_record.h"
#include "engine/models/model.h"

namespace rankscope {

// Writes the files into `folder`, which exists, and completes the record.
void write_peft_prompt(const std::filesystem::path& folder, const Model& model,
                       Adaptation& adaptation, AdapterRecord& record);

// Whether the folder's adapter_config.json says one of the two types.
bool is_peft_prompt(const std::filesystem::path& folder);
// As PEFT wrote it; or, with a record, as write_peft_prompt did. Stored rows are final values: a
// prefix_projection has been applied. Throws InputError for a damaged folder, one that does not fit
// the model, and by name for what changes results and is not supported.
std::unique_ptr<Adaptation> read_peft_prompt(const std::filesystem::path& folder, Model& model,
                                             const AdapterRecord* record);

}  // namespace rankscope
