// Matrix products in double precision: the work of the analysis. An element of a product is one
// chain of multiply-adds in an order that its sizes alone decide, so that its bits depend neither
// on the number of threads nor on addresses (those of Eigen's own products differ between
// instruction sets too, and it is compiled for the oldest).
#pragma once

#include <string_view>

#include "metrics/kernels/kernels.h"
#include "metrics/singular.h"

namespace rankscope::dense {

// Of an instruction set that is available here (common/instruction_set.h); InputError for another.
const ProductKernels& kernels_of(std::string_view instruction_set);
// Of the chosen one.
const ProductKernels& best_kernels();

}  // namespace rankscope::dense

namespace rankscope {

// A matrix or some columns of one, which are not copied.
using MatrixView = Eigen::Ref<const RealMatrix>;

// A B, and A^T B. The inner sizes must agree; throws std::invalid_argument else.
RealMatrix product(const MatrixView& a, const MatrixView& b, int threads = 1);
RealMatrix transposed_product(const MatrixView& a, const MatrixView& b, int threads = 1);

// out [rows, cols], row-major without gaps, = left right^T, of left [rows, depth] and right [cols,
// depth].
void multiply(const dense::Source& left, std::int64_t rows, const dense::Source& right,
              std::int64_t cols, std::int64_t depth, double* out, int threads,
              const dense::ProductKernels& kernels = dense::best_kernels());

}  // namespace rankscope
