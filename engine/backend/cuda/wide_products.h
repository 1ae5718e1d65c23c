// WideProducts: the products that are cuBLASLt's, with what it needs to be fast at them: whole
// widths and depths, biases in bf16, and numbers of rows that its algorithm takes.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "engine/backend/cuda/device_allocator.h"
#include "engine/backend/cuda/gemm.h"
#include "engine/backend/cuda/kernels.h"

namespace rankscope::RANKSCOPE_CUDA {

class WideProducts {
 public:
  WideProducts(Stream stream, DeviceAllocator& allocator, DType precision)
      : stream_(stream), allocator_(allocator), precision_(precision), gemm_(make_gemm(stream)) {}

  static bool has_unit_stride(const WeightView& view) {
    return view.row_stride == 1 || view.col_stride == 1;
  }
  // Rows of a frozen matrix of `rows` rows, zeros included.
  static int64_t whole_rows(int64_t rows) { return (rows + kWhole - 1) / kWhole * kWhole; }
  // A frozen matrix in `memory`, whose rows behind the first `rows` are zeros.
  void note_zero_rows(const std::shared_ptr<const Tensor>& memory, int64_t rows);
  // The BF16 gradient of logits, each row of which zeros follow. Parts that follow one another are
  // one matrix.
  void note_gradient(const Matrix& gradient);

  // out = scale * sum of left * right + addend + bias. bias: BF16 [n], or null. False, with nothing
  // done, where there is no product with one.
  bool multiply(std::span<const ProductTerm> terms, float scale, ConstMatrix addend, Matrix out,
                const void* bias = nullptr);
  void outer(ConstMatrix left, ConstMatrix right, Matrix out) { gemm_->outer(left, right, out); }
  std::string version() const { return gemm_->version(); }
  // m, or its copy in the backend's precision.
  ConstMatrix in_precision(ConstMatrix m, Tensor& copy);
  // The BF16 copy of a bias [n]. It is forgotten when the bias is written (forget_biases, of what
  // may be one) or its memory released.
  const void* narrow_bias(const float* bias, int64_t n);
  void forget_biases(const float* written, int64_t count);

 private:
  // A matrix with zero rows behind its own.
  struct Widened {
    std::weak_ptr<const Tensor> memory;
    int64_t rows = 0;
  };

  void widen(ConstMatrix& left, WeightView& right, ConstMatrix& addend, Matrix& out) const;
  Matrix more_rows(ConstMatrix m, int64_t rows, Tensor& memory);
  GemmResult multiply_block(ConstMatrix left, const WeightView& right, float scale,
                            ConstMatrix addend, Matrix out, const void* bias);
  bool multiply_rows(ConstMatrix left, const WeightView& right, float scale, ConstMatrix addend,
                     Matrix out, const void* bias);

  Stream stream_;
  DeviceAllocator& allocator_;
  DType precision_;
  std::unique_ptr<Gemm> gemm_;
  std::map<const void*, Widened> widened_;  // by where they lie
  Matrix gradient_;                         // of the last logits, until there are others
  std::map<std::pair<const float*, int64_t>, Tensor> biases_;
  int64_t bias_releases_ = 0;
  int64_t longest_bias_ = 0;
};

}  // namespace rankscope::RANKSCOPE_CUDA
