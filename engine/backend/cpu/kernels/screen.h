// The kernels of screen.cpp. What each does stands at the field of its name in KernelTable.
#pragma once

#include "engine/backend/cpu/kernels/kernels.h"

namespace rankscope::cpu::RANKSCOPE_ISA {

bool has_byte_products();
ByteRow bytes_of_row(const float* row, int64_t k, uint8_t* bytes, int64_t padded);
void byte_product(const ByteProduct& task, int64_t panel_begin, int64_t panel_end);
int64_t screened_columns(const float* estimates, const float* by_norm, const float* by_rest,
                         int64_t cols, float norm, float rest_norm, int32_t* columns, int64_t most);
void column_products(const float* left, const void* right, int dtype, int64_t stride, int64_t k,
                     const int32_t* columns, int64_t count, float* out);

}  // namespace rankscope::cpu::RANKSCOPE_ISA
