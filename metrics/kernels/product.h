// Inner products of one instruction set: kernels.h says what they do.
#pragma once

#include "metrics/kernels/kernels.h"

namespace rankscope::dense::RANKSCOPE_ISA {

void pack(const Source& from, int64_t rows, int64_t depth, int64_t width, double* panels);
void tile(int64_t rows, int64_t cols, int64_t depth, const double* left, const double* right,
          double* out, int64_t out_stride, bool first);

}  // namespace rankscope::dense::RANKSCOPE_ISA
