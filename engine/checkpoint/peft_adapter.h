// LoRA, DoRA and AdaLoRA adapters as PEFT folders: adapter_config.json and
// adapter_model.safetensors.
//
// PEFT has one adapter per module, and GPT-2's c_attn holds three sites. Written, such a module's A
// is the sites' A stacked, and its B their B on the diagonal; alpha keeps the scale. Read from
// PEFT, the sites of a module share the values of one A, and each takes its rows of B. DoRA's
// magnitudes are per output: a module's are its sites' one behind the other.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "engine/checkpoint/adapter_record.h"
#include "engine/methods/low_rank.h"

namespace rankscope {

inline constexpr const char* kPeftConfigFile = "adapter_config.json";
inline constexpr const char* kPeftWeightsFile = "adapter_model.safetensors";
// What PEFT puts before the path of a base's module in a tensor's name.
inline constexpr std::string_view kPeftModulePrefix = "base_model.model.";

// Writes the files into `folder`, which exists, and completes the record.
void write_peft_adapter(const std::filesystem::path& folder, const Model& model,
                        const LowRankAdaptation& adaptation, AdapterRecord& record);
// As PEFT wrote it (peft_type LORA, with or without use_dora, or ADALORA, whose E is multiplied
// into A); or, with a record, as write_peft_adapter did. A DoRA adapter gives a DoraAdaptation.
std::unique_ptr<LowRankAdaptation> read_peft_adapter(const std::filesystem::path& folder,
                                                     Model& model, const AdapterRecord* record);

}  // namespace rankscope
