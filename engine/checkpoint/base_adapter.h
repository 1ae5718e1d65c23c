// Saved adaptations that change the base's own tensors: full and bitfit.
#pragma once

#include <filesystem>
#include <memory>

#include "engine/checkpoint/adapter_record.h"
#include "engine/methods/base_parameters.h"

namespace rankscope {

inline constexpr const char* kBiasFile = "bias.safetensors";

// `form` is kModel or kBiases. Writes the trained tensors, as fp32 under their Hugging Face names,
// into `folder`, which exists: model.safetensors with the base's config.json where all are trained,
// so that the folder is a model of its own, and bias.safetensors otherwise. Completes the record.
void write_base_adapter(const std::filesystem::path& folder, const Model& model,
                        const BaseParameterAdaptation& adaptation, SavedForm form,
                        AdapterRecord& record);
// Overwrites the model's tensors with the record's weights file.
std::unique_ptr<BaseParameterAdaptation> read_base_adapter(const std::filesystem::path& folder,
                                                           Model& model, SavedForm form,
                                                           const AdapterRecord& record);

}  // namespace rankscope
