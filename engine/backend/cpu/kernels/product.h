// Inner products of one instruction set, shared by product.cpp and attention.cpp.
#pragma once

#include "engine/backend/cpu/kernels/kernels.h"
#include "engine/backend/cpu/kernels/simd.h"

namespace rankscope::cpu::RANKSCOPE_ISA {

// Columns of a packed panel, and the rows that one pass of the inner loop carries in registers:
// 12 x 2 accumulators of AVX-512's 32 registers, 6 x 2 of the 16 of AVX2 and SSE.
inline constexpr int64_t kPanel = 2 * kNativeLanes;
#if defined(__AVX512F__)
inline constexpr int64_t kRowTile = 12;
#else
inline constexpr int64_t kRowTile = 6;
#endif

// c [rows, cols] = (first ? 0 : c) + a b, with rows <= kRowTile, cols <= kPanel; element (i, p) of
// a at a[i * row_step + p * k_step]; b's row p at b + p * b_stride. Reads and writes whole native
// vectors: b and c must have kPanel columns (kNativeLanes where cols <= kNativeLanes) of memory.
void block_product(int64_t rows, int64_t cols, int64_t k, const float* a, int64_t row_step,
                   int64_t k_step, const float* b, int64_t b_stride, float* c, int64_t c_stride,
                   bool first);

void product_tile(const TileTerm* terms, int term_count, const TileEpilogue& epilogue, int64_t rows,
                  int64_t n, int64_t panel_begin, int64_t panel_end, float* out, int64_t out_stride,
                  float* scratch);
size_t product_scratch(int64_t rows, int64_t panels, int64_t longest_k);
void finish_row(const TileEpilogue& epilogue, int64_t n, const float* x, float* out);

void pack_panels(const void* data, int dtype, int64_t row_step, int64_t col_step, int64_t k,
                 int64_t n, int64_t panel_begin, int64_t panel_end, void* panels);

}  // namespace rankscope::cpu::RANKSCOPE_ISA
