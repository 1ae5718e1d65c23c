#include "engine/backend/cuda/wide_products.h"

#include <algorithm>
#include <string>

#include "common/error.h"
#include "engine/backend/cuda/device_memory.h"

namespace rankscope::RANKSCOPE_CUDA {

void WideProducts::note_zero_rows(const std::shared_ptr<const Tensor>& memory, int64_t rows) {
  std::erase_if(widened_, [](const auto& entry) { return entry.second.memory.expired(); });
  widened_[memory->data()] = {memory, rows};
}

void WideProducts::note_gradient(const Matrix& gradient) {
  if (gradient_.stride == gradient.stride && gradient_.cols == gradient.cols &&
      gradient_.row(gradient_.rows) == gradient.data)
    gradient_.rows += gradient.rows;
  else
    gradient_ = gradient;
}

ConstMatrix WideProducts::in_precision(ConstMatrix m, Tensor& copy) {
  if (m.dtype == precision_) return m;
  copy = Tensor(allocator_, m.rows, m.cols, precision_);
  convert(stream_, WeightView::of(m), copy.matrix());
  return copy.view();
}

// A vocabulary such as GPT-2's, 50257, is a width and a depth that cuBLASLt has slow kernels alone
// for. Where such a matrix lies with zero rows behind it, the head's product gets as many columns
// more, if the rows of its result have just that room, as those of logits do (autograd/loss.cpp);
// and the product by its gradient as much more depth, as zeros follow in the rows of that too.
void WideProducts::widen(ConstMatrix& left, WeightView& right, ConstMatrix& addend,
                         Matrix& out) const {
  const auto found = widened_.find(right.data);
  const auto memory = found == widened_.end() ? nullptr : found->second.memory.lock();
  if (memory == nullptr) return;
  const int64_t rows = found->second.rows, whole = memory->rows(), cols = memory->cols();
  if (right.rows == cols && right.cols == rows && right.row_stride == 1 &&
      right.col_stride == cols) {
    const bool room = out.dtype == DType::kF32 && out.stride == whole;
    const bool in_place = addend.data == out.data && addend.stride == out.stride;
    if (!room || (addend.data != nullptr && !in_place)) return;
    right.cols = out.cols = whole;
    if (in_place) addend.cols = whole;
  } else if (right.rows == rows && right.cols == cols && right.row_stride == cols &&
             right.col_stride == 1) {
    const bool zeros = left.data == gradient_.data && left.stride == gradient_.stride &&
                       left.dtype == gradient_.dtype && left.cols == gradient_.cols &&
                       left.rows <= gradient_.rows && gradient_columns(left.cols) == whole;
    if (zeros) left.cols = right.rows = whole;
  }
}

// As `m` lies, by its stride and its address modulo 16, which an algorithm is chosen by; but of
// `rows` rows, those behind m's own zeros.
Matrix WideProducts::more_rows(ConstMatrix m, int64_t rows, Tensor& memory) {
  const auto offset =
      static_cast<int64_t>(reinterpret_cast<uintptr_t>(m.data) % 16 / dtype_size(m.dtype));
  const int64_t stride = std::max(m.stride, m.cols);
  memory = Tensor(allocator_, 1, offset + rows * stride, m.dtype);
  const Matrix more{element_at(memory.data(), offset, m.dtype), rows, m.cols, stride, m.dtype};
  const size_t each = dtype_size(m.dtype);
  fill_zero_2d(stream_, more.row(m.rows), static_cast<size_t>(stride) * each,
               static_cast<size_t>(m.cols) * each, static_cast<size_t>(rows - m.rows));
  return more;
}

// False, with nothing done, where there is no product with this bias. The algorithm stays that of
// every number of rows also where it does not take this one: rows of zeros are added.
GemmResult WideProducts::multiply_block(ConstMatrix left, const WeightView& right, float scale,
                                        ConstMatrix addend, Matrix out, const void* bias) {
  constexpr int64_t kRows = Gemm::kTypicalRows;
  if (out.rows == kRows) return gemm_->run(left, right, scale, addend, out, bias);
  Tensor left_memory, addend_memory, out_memory;
  const Matrix more_left = more_rows(left, kRows, left_memory);
  const Matrix more_out = more_rows(out, kRows, out_memory);
  Matrix more_addend;
  convert(stream_, WeightView::of(left), more_left.row_range(0, left.rows));
  if (addend.data != nullptr) {
    more_addend = addend.data == out.data ? more_out : more_rows(addend, kRows, addend_memory);
    convert(stream_, WeightView::of(addend), more_addend.row_range(0, out.rows));
  }
  const GemmResult result = gemm_->run(more_left, right, scale, more_addend, more_out, bias);
  if (result == GemmResult::kDone)
    convert(stream_, WeightView::of(more_out.row_range(0, out.rows)), out);
  return result;
}

bool WideProducts::multiply_rows(ConstMatrix left, const WeightView& right, float scale,
                                 ConstMatrix addend, Matrix out, const void* bias) {
  GemmResult result = gemm_->run(left, right, scale, addend, out, bias);
  if (result == GemmResult::kRowsRefused) {
    // In blocks of as many rows as the algorithm was chosen for; a row does not see the others.
    for (int64_t row = 0; row < out.rows; row += Gemm::kTypicalRows) {
      const int64_t end = std::min(out.rows, row + Gemm::kTypicalRows);
      const ConstMatrix part = addend.data ? addend.row_range(row, end) : addend;
      result = multiply_block(left.row_range(row, end), right, scale, part, out.row_range(row, end),
                              bias);
      if (result != GemmResult::kDone) break;
    }
  }
  if (result != GemmResult::kDone && bias == nullptr)
    throw MachineError("cuBLASLt: its algorithm for a product of depth " +
                       std::to_string(left.cols) + " and width " + std::to_string(out.cols) +
                       " does not take " + std::to_string(out.rows) + " rows");
  return result == GemmResult::kDone;
}

bool WideProducts::multiply(std::span<const ProductTerm> terms, float scale, ConstMatrix addend,
                            Matrix out, const void* bias) {
  if (out.dtype == DType::kF32) gradient_ = {};
  for (const ProductTerm& term : terms) {
    Tensor left_copy, right_copy;
    const ConstMatrix left = in_precision(term.left, left_copy);
    WeightView right = term.right->storage().empty() ? term.right->view()
                                                     : WeightView::of(term.right->storage().view());
    if (right.dtype != left.dtype || !has_unit_stride(right)) {
      right_copy = Tensor(allocator_, right.rows, right.cols, precision_);
      convert(stream_, right, right_copy.matrix());
      right = WeightView::of(right_copy.view());
    }
    ConstMatrix widened_left = left, widened_addend = addend;
    Matrix widened_out = out;
    widen(widened_left, right, widened_addend, widened_out);
    if (!multiply_rows(widened_left, right, scale, widened_addend, widened_out, bias)) return false;
    addend = out;
    bias = nullptr;
  }
  return true;
}

const void* WideProducts::narrow_bias(const float* bias, int64_t n) {
  const int64_t released = allocator_.watched_releases();
  if (released != bias_releases_) biases_.clear();
  bias_releases_ = released;
  Tensor& copy = biases_[{bias, n}];
  if (copy.empty()) {
    copy = Tensor(allocator_, 1, n, DType::kBF16);
    convert(stream_, {bias, DType::kF32, 1, n, n, 1}, copy.matrix());
    allocator_.watch(bias);
    longest_bias_ = std::max(longest_bias_, n);
  }
  return copy.data();
}

void WideProducts::forget_biases(const float* written, int64_t count) {
  auto it = biases_.lower_bound({written - longest_bias_, 0});
  while (it != biases_.end() && it->first.first < written + count) {
    const bool holds = it->first.first + it->first.second > written;
    it = holds ? biases_.erase(it) : std::next(it);
  }
}

}  // namespace rankscope::RANKSCOPE_CUDA
