// Matrix products in double, a tile of packed panels at a time.
#include "metrics/kernels/product.h"

#include "metrics/kernels/vectors.h"

namespace rankscope::dense::RANKSCOPE_ISA {

namespace {

// Rows [first, count) of one panel, element by element.
template <typename Value>
void pack_rest(const Value* from, int64_t row_step, int64_t col_step, int64_t first, int64_t count,
               int64_t k_first, int64_t depth, int64_t width, double* panel) {
  for (int64_t k = k_first; k < depth; ++k)
    for (int64_t i = first; i < count; ++i)
      panel[k * width + i] = static_cast<double>(from[i * row_step + k * col_step]);
}

template <typename Value>
void pack_values(const Value* values, int64_t row_step, int64_t col_step, int64_t rows,
                 int64_t depth, int64_t width, double* panels) {
  for (int64_t first = 0; first < rows; first += width) {
    double* panel = panels + first * depth;
    const Value* from = values + first * row_step;
    const int64_t count = rows - first < width ? rows - first : width;
    if (count < width)
      for (int64_t i = 0; i < depth * width; ++i) panel[i] = 0;
    int64_t i = 0;
    if (row_step == 1) {
      for (; i + kLanes <= count; i += kLanes)
        for (int64_t k = 0; k < depth; ++k)
          store(panel + k * width + i, load(from + i + k * col_step));
      pack_rest(from, row_step, col_step, i, count, 0, depth, width, panel);
    } else if (col_step == 1) {
      for (; i + kLanes <= count; i += kLanes) {
        int64_t k = 0;
        for (; k + kLanes <= depth; k += kLanes) {
          Vector block[kLanes];
          for (int64_t j = 0; j < kLanes; ++j) block[j] = load(from + (i + j) * row_step + k);
          transpose(block);
          for (int64_t j = 0; j < kLanes; ++j) store(panel + (k + j) * width + i, block[j]);
        }
        pack_rest(from, row_step, col_step, i, i + kLanes, k, depth, width, panel);
      }
      pack_rest(from, row_step, col_step, i, count, 0, depth, width, panel);
    } else {
      pack_rest(from, row_step, col_step, 0, count, 0, depth, width, panel);
    }
  }
}

}  // namespace

void pack(const Source& from, int64_t rows, int64_t depth, int64_t width, double* panels) {
  if (from.is_float)
    pack_values(static_cast<const float*>(from.values), from.row_step, from.col_step, rows, depth,
                width, panels);
  else
    pack_values(static_cast<const double*>(from.values), from.row_step, from.col_step, rows, depth,
                width, panels);
}

void tile(int64_t rows, int64_t cols, int64_t depth, const double* left, const double* right,
          double* out, int64_t out_stride, bool first) {
  // A tile at the matrix's edge is made in a copy, which has all of its rows and columns.
  double edge[kTileRows * kTileCols];
  const bool whole = rows == kTileRows && cols == kTileCols;
  double* const made = whole ? out : edge;
  const int64_t stride = whole ? out_stride : kTileCols;
  if (!whole && !first) {
    for (int64_t i = 0; i < kTileRows * kTileCols; ++i) edge[i] = 0;
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < cols; ++j) edge[i * kTileCols + j] = out[i * out_stride + j];
  }
  // Unrolled whole, so that the sums stay in registers.
  Vector sums[kTileRows][kTileVectors];
#pragma GCC unroll 8
  for (int64_t i = 0; i < kTileRows; ++i)
#pragma GCC unroll 3
    for (int64_t j = 0; j < kTileVectors; ++j)
      sums[i][j] = first ? Vector{} : load(made + i * stride + j * kLanes);
  for (int64_t k = 0; k < depth; ++k) {
    Vector b[kTileVectors];
#pragma GCC unroll 3
    for (int64_t j = 0; j < kTileVectors; ++j) b[j] = load(right + k * kTileCols + j * kLanes);
#pragma GCC unroll 8
    for (int64_t i = 0; i < kTileRows; ++i) {
      const Vector a = Vector{} + left[k * kTileRows + i];
#pragma GCC unroll 3
      for (int64_t j = 0; j < kTileVectors; ++j) sums[i][j] = a * b[j] + sums[i][j];
    }
  }
#pragma GCC unroll 8
  for (int64_t i = 0; i < kTileRows; ++i)
#pragma GCC unroll 3
    for (int64_t j = 0; j < kTileVectors; ++j) store(made + i * stride + j * kLanes, sums[i][j]);
  if (!whole)
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < cols; ++j) out[i * out_stride + j] = edge[i * kTileCols + j];
}

}  // namespace rankscope::dense::RANKSCOPE_ISA
