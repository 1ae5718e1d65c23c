// Tensor: a contiguous row-major matrix on one device, F32, or BF16 where a device computes in
// that. Every activation of this engine is [rows, width]; a vector is a matrix of one row. There
// are no strides and no lazy views beyond row slices, so that whoever reads an operation knows what
// the memory looks like.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>

#include "common/dtype.h"

namespace rankscope {

// Where a backend keeps the bytes of tensors. release() gets the pointer and size of acquire().
class Allocator {
 public:
  virtual ~Allocator() = default;
  // Bytes aligned to 64, uninitialised. Throws MachineError when memory is exhausted.
  virtual void* acquire(size_t bytes) = 0;
  virtual void release(void* pointer, size_t bytes) noexcept = 0;
};

// The address of element `i` of an array of F32 or BF16; its pointer is to float either way.
template <typename T>
T* element_at(T* data, int64_t i, DType dtype) {
  if (dtype == DType::kF32) return data + i;
  using Half = std::conditional_t<std::is_const_v<T>, const uint16_t, uint16_t>;
  return reinterpret_cast<T*>(reinterpret_cast<Half*>(data) + i);
}

// A matrix in memory that somebody else owns; `stride` is the distance of rows in elements. BF16
// matrices are a device's: their pointers are never followed by the host.
template <typename T>
struct MatrixOf {
  T* data = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t stride = 0;
  DType dtype = DType::kF32;

  T* row(int64_t i) const { return element_at(data, i * stride, dtype); }
  MatrixOf columns(int64_t begin, int64_t end) const {
    return {element_at(data, begin, dtype), rows, end - begin, stride, dtype};
  }
  MatrixOf row_range(int64_t begin, int64_t end) const {
    return {row(begin), end - begin, cols, stride, dtype};
  }
  operator MatrixOf<const T>() const { return {data, rows, cols, stride, dtype}; }
};
using Matrix = MatrixOf<float>;
using ConstMatrix = MatrixOf<const float>;

class Tensor {
 public:
  Tensor() = default;
  // Uninitialised; the allocator must outlive the tensor and all its slices.
  Tensor(Allocator& allocator, int64_t rows, int64_t cols, DType dtype = DType::kF32);
  // Over memory that `owner` keeps alive (a mapped file, say). Never written through.
  static Tensor over(const float* data, int64_t rows, int64_t cols,
                     std::shared_ptr<const void> owner);

  bool empty() const { return data_ == nullptr; }
  int64_t rows() const { return rows_; }
  int64_t cols() const { return cols_; }
  int64_t size() const { return rows_ * cols_; }
  float* data() const { return data_; }
  float* row(int64_t i) const { return element_at(data_, i * cols_, dtype_); }
  DType dtype() const { return dtype_; }
  // Of an F32 tensor.
  std::span<float> values() const { return {data_, static_cast<size_t>(size())}; }
  // Rows [begin, end), sharing this tensor's memory.
  Tensor slice(int64_t begin, int64_t end) const;
  Matrix matrix() const { return {data_, rows_, cols_, cols_, dtype_}; }
  ConstMatrix view() const { return {data_, rows_, cols_, cols_, dtype_}; }

 private:
  std::shared_ptr<const void> owner_;
  float* data_ = nullptr;
  int64_t rows_ = 0;
  int64_t cols_ = 0;
  DType dtype_ = DType::kF32;
};

}  // namespace rankscope
