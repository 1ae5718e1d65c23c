// Saved adaptations of methods that have no format of their own elsewhere: what they train, by
// name.
#pragma once

#include <filesystem>
#include <memory>

#include "engine/checkpoint/adapter_record.h"
#include "engine/models/model.h"

namespace rankscope {

inline constexpr const char* kTrainedFile = "adapter.safetensors";

// The method's adaptation of the model as it begins, to be given values from a file. Throws
// InputError that begins with `where` for a method or settings that are not the program's or do not
// fit the model.
std::unique_ptr<Adaptation> begin_adaptation(const std::string& where, const std::string& method,
                                             const std::map<std::string, std::string>& settings,
                                             Model& model);

// Writes the trained tensors, fp32, under their parameters' names into `folder`, which exists, and
// completes the record.
void write_trained_tensors(const std::filesystem::path& folder, const Model& model,
                           Adaptation& adaptation, AdapterRecord& record);
// The record's method, with its settings, over the values of the file. Throws InputError where the
// method, its settings or a tensor's shape do not fit the model, and for a tensor that is missing
// or not the method's.
std::unique_ptr<Adaptation> read_trained_tensors(const std::filesystem::path& folder, Model& model,
                                                 const AdapterRecord& record);

}  // namespace rankscope
