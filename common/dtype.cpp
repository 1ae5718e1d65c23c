#include "common/dtype.h"

#include <array>

namespace rankscope {
namespace {

struct Row {
  DType dtype;
  std::string_view name;
  std::size_t size;
};

constexpr std::array kRows = {
    Row{DType::kBool, "BOOL", 1},      Row{DType::kU8, "U8", 1},
    Row{DType::kI8, "I8", 1},          Row{DType::kF8E5M2, "F8_E5M2", 1},
    Row{DType::kF8E4M3, "F8_E4M3", 1}, Row{DType::kI16, "I16", 2},
    Row{DType::kU16, "U16", 2},        Row{DType::kF16, "F16", 2},
    Row{DType::kBF16, "BF16", 2},      Row{DType::kI32, "I32", 4},
    Row{DType::kU32, "U32", 4},        Row{DType::kF32, "F32", 4},
    Row{DType::kF64, "F64", 8},        Row{DType::kI64, "I64", 8},
    Row{DType::kU64, "U64", 8},
};

constexpr bool rows_follow_the_enum() {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<std::size_t>(kRows[i].dtype) != i) return false;
  }
  return true;
}
static_assert(rows_follow_the_enum());

}  // namespace

std::size_t dtype_size(DType dtype) { return kRows[static_cast<std::size_t>(dtype)].size; }

std::string_view dtype_name(DType dtype) { return kRows[static_cast<std::size_t>(dtype)].name; }

std::optional<DType> dtype_from_name(std::string_view name) {
  for (const Row& row : kRows) {
    if (row.name == name) return row.dtype;
  }
  return std::nullopt;
}

}  // namespace rankscope
