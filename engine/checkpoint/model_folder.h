// A model's weights as they are now, as a Hugging Face folder of their own.
#pragma once

#include <filesystem>
#include <optional>

#include "engine/models/model.h"

namespace rankscope {

inline constexpr const char* kModelFile = "model.safetensors";

// The type that tensors are written in: each in the one that the base's file has for it, or one for
// all.
using WrittenDType = std::optional<DType>;
// What becomes of values that the written type does not hold: kept as infinity or NaN, or an
// InputError that names the first tensor.
enum class NotFinite { kKeep, kRefuse };

// Writes config.json (the base's, with the type that is written) and model.safetensors into
// `folder`, which exists. Values are rounded once, to nearest, ties to even; a tied head is not
// repeated, and what the base held as buffers is left out. `dtype` is F32, F16 or BF16.
void write_model(const std::filesystem::path& folder, const Model& model, WrittenDType dtype,
                 NotFinite not_finite);

}  // namespace rankscope
