#include "engine/tensor/tensor.h"

namespace rankscope {

Tensor::Tensor(Allocator& allocator, int64_t rows, int64_t cols, DType dtype)
    : rows_(rows), cols_(cols), dtype_(dtype) {
  // Never null, so that a tensor without rows (a micro-batch without targets) is not "empty".
  size_t bytes = static_cast<size_t>(rows * cols) * dtype_size(dtype);
  if (bytes == 0) bytes = sizeof(float);
  void* memory = allocator.acquire(bytes);
  owner_ = std::shared_ptr<const void>(memory, [&allocator, bytes](const void* p) {
    allocator.release(const_cast<void*>(p), bytes);
  });
  data_ = static_cast<float*>(memory);
}

Tensor Tensor::over(const float* data, int64_t rows, int64_t cols,
                    std::shared_ptr<const void> owner) {
  Tensor t;
  t.owner_ = std::move(owner);
  t.data_ = const_cast<float*>(data);
  t.rows_ = rows;
  t.cols_ = cols;
  return t;
}

Tensor Tensor::slice(int64_t begin, int64_t end) const {
  Tensor t = *this;
  t.data_ = row(begin);
  t.rows_ = end - begin;
  return t;
}

}  // namespace rankscope
