#include "metrics/products.h"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "common/instruction_set.h"
#include "common/parallel.h"

namespace rankscope {

namespace {

// Depth of a packed block: its panel of tile_cols columns (16 KiB with AVX-512) stays in the
// first-level cache while all tiles pass over it, the block of 192 rows and that of 256 columns
// (450 KiB) in the second.
constexpr std::int64_t kDepth = 128, kRows = 192, kCols = 256;
// Below so many multiply-adds a thread takes longer to start than to help.
constexpr std::int64_t kThreadWork = 4'000'000;

std::int64_t rounded_up(std::int64_t n, std::int64_t step) { return (n + step - 1) / step * step; }

dense::Source block_of(dense::Source source, std::int64_t row, std::int64_t col) {
  const std::int64_t at = row * source.row_step + col * source.col_step;
  source.values = source.is_float
                      ? static_cast<const void*>(static_cast<const float*>(source.values) + at)
                      : static_cast<const void*>(static_cast<const double*>(source.values) + at);
  return source;
}

}  // namespace

namespace dense {

const ProductKernels& kernels_of(std::string_view instruction_set) {
  [[maybe_unused]] const std::string_view name = require_instruction_set(instruction_set);
#if RANKSCOPE_HAS_AVX512
  if (name == "avx512") return kernels_avx512();
#endif
#if RANKSCOPE_HAS_AVX2
  if (name == "avx2") return kernels_avx2();
#endif
  return kernels_generic();
}

const ProductKernels& best_kernels() {
  static const ProductKernels& table = kernels_of(chosen_instruction_set());
  return table;
}

}  // namespace dense

void multiply(const dense::Source& left, std::int64_t rows, const dense::Source& right,
              std::int64_t cols, std::int64_t depth, double* out, int threads,
              const dense::ProductKernels& kernels) {
  const std::int64_t row_blocks = (rows + kRows - 1) / kRows,
                     col_blocks = (cols + kCols - 1) / kCols;
  if (depth == 0) std::fill(out, out + rows * cols, 0.0);
  parallel_for(
      static_cast<std::size_t>(row_blocks * col_blocks),
      rows * cols * depth < kThreadWork ? 1 : threads, [&](std::size_t task) {
        const std::int64_t row = static_cast<std::int64_t>(task) / col_blocks * kRows,
                           col = static_cast<std::int64_t>(task) % col_blocks * kCols;
        const std::int64_t count = std::min(kRows, rows - row), width = std::min(kCols, cols - col);
        const std::int64_t left_size =
            rounded_up(count, kernels.tile_rows) * std::min(kDepth, depth);
        // Kept between tasks, whose pages the system would give anew each time.
        thread_local std::vector<double> scratch;
        const std::size_t needed = static_cast<std::size_t>(
            left_size + rounded_up(width, kernels.tile_cols) * std::min(kDepth, depth));
        if (scratch.size() < needed) scratch.resize(needed);
        double* const lefts = scratch.data();
        double* const rights = lefts + left_size;
        for (std::int64_t k = 0; k < depth; k += kDepth) {
          const std::int64_t deep = std::min(kDepth, depth - k);
          kernels.pack(block_of(left, row, k), count, deep, kernels.tile_rows, lefts);
          kernels.pack(block_of(right, col, k), width, deep, kernels.tile_cols, rights);
          for (std::int64_t j = 0; j < width; j += kernels.tile_cols)
            for (std::int64_t i = 0; i < count; i += kernels.tile_rows)
              kernels.tile(std::min(kernels.tile_rows, count - i),
                           std::min(kernels.tile_cols, width - j), deep, lefts + i * deep,
                           rights + j * deep, out + (row + i) * cols + col + j, cols, k == 0);
        }
      });
}

RealMatrix product(const MatrixView& a, const MatrixView& b, int threads) {
  if (a.cols() != b.rows()) throw std::invalid_argument("A's columns are not B's rows");
  // Column-major as Eigen keeps it, that is (A B)^T = B^T A^T row-major.
  RealMatrix result(a.rows(), b.cols());
  multiply({b.data(), false, b.outerStride(), 1}, b.cols(), {a.data(), false, 1, a.outerStride()},
           a.rows(), a.cols(), result.data(), threads);
  return result;
}

RealMatrix transposed_product(const MatrixView& a, const MatrixView& b, int threads) {
  if (a.rows() != b.rows()) throw std::invalid_argument("A has not as many rows as B");
  RealMatrix result(a.cols(), b.cols());
  multiply({b.data(), false, b.outerStride(), 1}, b.cols(), {a.data(), false, a.outerStride(), 1},
           a.cols(), a.rows(), result.data(), threads);
  return result;
}

}  // namespace rankscope
