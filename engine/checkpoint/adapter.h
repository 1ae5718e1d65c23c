// Saved adaptations. FORMAT.md in this folder describes the files.
#pragma once

#include <filesystem>
#include <memory>

#include "engine/methods/method.h"
#include "engine/models/model.h"

namespace rankscope {

// Writes FOLDER whole or not at all, replacing an older one: for lora, dora, adalora, prefix_kv and
// prefix_embed without infix a PEFT adapter, for full a Hugging Face model folder, for bitfit the
// biases, for none the name alone, else the trained tensors; and rankscope.json.
void save_adapter(const std::filesystem::path& folder, const Model& model, Adaptation& adaptation,
                  const Method& method);

// Reads what save_adapter wrote, bit for bit, or an adapter that PEFT wrote: LoRA, DoRA, AdaLoRA,
// prefix tuning or prompt tuning. For full and bitfit the model's tensors are overwritten, and
// nothing has a gradient. An adapter that was made on another base is loaded with a warning. Throws
// InputError for a damaged folder, one that does not fit the model,
// and by name for what PEFT can do and this engine cannot.
std::unique_ptr<Adaptation> load_adapter(const std::filesystem::path& folder, Model& model);

// load_adapter, then merge_into. Null where nothing is left to stand beside the base's weights
// (Adaptation::merges_whole).
std::unique_ptr<Adaptation> load_merged_adapter(const std::filesystem::path& folder, Model& model);

// Puts the folder's adapter into the base's weights in place of whatever the model held before
// (Model::restore, load_merged_adapter), starting from the checkpoint's own values every time:
// nothing is subtracted, so that no number of switches leaves a trace. What is returned takes the
// place of the adaptation before. Throws as load_adapter does, and the model is the base then.
std::unique_ptr<Adaptation> switch_adapter(const std::filesystem::path& folder, Model& model);

}  // namespace rankscope
