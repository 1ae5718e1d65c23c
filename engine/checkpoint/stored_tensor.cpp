#include "engine/checkpoint/stored_tensor.h"

#include <cstring>

#include "common/error.h"
#include "common/half.h"
#include "common/text.h"

namespace rankscope {
void check_stored_tensor(const SafetensorsFile& file, const TensorEntry& entry,
                         const std::vector<int64_t>& shape) {
  const std::string where = file.source_name() + ": tensor '" + printable(entry.name) + "'";
  if (entry.shape != shape) {
    throw InputError(where + " has shape " + shape_text(entry.shape) +
                     ", but the model calls for " + shape_text(shape) +
                     "; check that the adapter belongs to the model");
  }
  if (entry.dtype != DType::kF32 && entry.dtype != DType::kF16 && entry.dtype != DType::kBF16) {
    throw InputError(where + " has type " + std::string(dtype_name(entry.dtype)) +
                     ", which is not supported; supported are F32, F16, BF16");
  }
}

std::vector<float> stored_values(const SafetensorsFile& file, const TensorEntry& entry) {
  const std::span<const std::byte> bytes = file.bytes(entry);
  std::vector<float> values(static_cast<size_t>(entry.elements()));
  if (entry.dtype == DType::kF32) {
    if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }
  for (size_t i = 0; i < values.size(); ++i) {
    uint16_t half = 0;
    std::memcpy(&half, bytes.data() + 2 * i, 2);
    values[i] = entry.dtype == DType::kBF16 ? bf16_to_float(half) : f16_to_float(half);
  }
  return values;
}

}  // namespace rankscope
