// The serial inner kernels of products in double precision, one table per instruction set.
#pragma once

#include <stdint.h>

namespace rankscope::dense {

// A matrix that is read: element (i, k) at values[i * row_step + k * col_step].
struct Source {
  const void* values;
  bool is_float;  // else double
  int64_t row_step, col_step;
};

struct ProductKernels {
  const char* instruction_set;
  int64_t tile_rows, tile_cols;  // of the product's inner loop

  // kernels/product.cpp. The rows [0, rows) and columns [0, depth) of `from` as panels of `width`
  // (tile_rows or tile_cols) rows, [depth][width] each in double, the last filled up with zeros.
  void (*pack)(const Source& from, int64_t rows, int64_t depth, int64_t width, double* panels);
  // out [rows, cols] row-major = (first ? 0 : out) + left right^T of one packed panel each, rows
  // and cols up to a tile's. An element is one chain of multiply-adds in the order of depth.
  void (*tile)(int64_t rows, int64_t cols, int64_t depth, const double* left, const double* right,
               double* out, int64_t out_stride, bool first);
};

const ProductKernels& kernels_generic();
const ProductKernels& kernels_avx2();
const ProductKernels& kernels_avx512();

}  // namespace rankscope::dense
