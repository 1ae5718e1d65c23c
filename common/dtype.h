// Element types of stored tensors, by the names that safetensors files use.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace rankscope {

enum class DType {
  kBool,
  kU8,
  kI8,
  kF8E5M2,
  kF8E4M3,
  kI16,
  kU16,
  kF16,
  kBF16,
  kI32,
  kU32,
  kF32,
  kF64,
  kI64,
  kU64,
};

// Bytes of one element.
std::size_t dtype_size(DType dtype);
// "F32", "BF16", "BOOL", ...
std::string_view dtype_name(DType dtype);
// The type of that name; none where the name is unknown.
std::optional<DType> dtype_from_name(std::string_view name);

}  // namespace rankscope
