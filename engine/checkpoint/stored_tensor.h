// Tensors of a file as fp32 values.
#pragma once

#include <vector>

#include "common/safetensors.h"

namespace rankscope {

// Throws InputError unless the tensor is F32, F16 or BF16 and has this shape.
void check_stored_tensor(const SafetensorsFile& file, const TensorEntry& entry,
                         const std::vector<int64_t>& shape);
// All elements; the type has been checked.
std::vector<float> stored_values(const SafetensorsFile& file, const TensorEntry& entry);

}  // namespace rankscope
