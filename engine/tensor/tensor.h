// Tensor: a contiguous row-major fp32 matrix on one device. Every activation of this engine is
// [rows, width]; a vector is a matrix of one row. There are no strides and no lazy views beyond
// row slices, so that whoever reads an operation knows what the memory looks like.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace rankscope {

// Where a backend keeps the bytes of tensors. release() gets the pointer and size of acquire().
class Allocator {
 public:
  virtual ~Allocator() = default;
  // Bytes aligned to 64, uninitialised. Throws MachineError when memory is exhausted.
  virtual void* acquire(size_t bytes) = 0;
  virtual void release(void* pointer, size_t bytes) noexcept = 0;
};

// A matrix in memory that somebody else owns; `stride` is the distance of rows in floats.
template <typename T>
struct MatrixOf {
  T* data = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t stride = 0;

  T* row(int64_t i) const { return data + i * stride; }
  MatrixOf columns(int64_t begin, int64_t end) const {
    return {data + begin, rows, end - begin, stride};
  }
  operator MatrixOf<const T>() const { return {data, rows, cols, stride}; }
};
using Matrix = MatrixOf<float>;
using ConstMatrix = MatrixOf<const float>;

class Tensor {
 public:
  Tensor() = default;
  // Uninitialised; the allocator must outlive the tensor and all its slices.
  Tensor(Allocator& allocator, int64_t rows, int64_t cols);
  // Over memory that `owner` keeps alive (a mapped file, say). Never written through.
  static Tensor over(const float* data, int64_t rows, int64_t cols,
                     std::shared_ptr<const void> owner);

  bool empty() const { return data_ == nullptr; }
  int64_t rows() const { return rows_; }
  int64_t cols() const { return cols_; }
  int64_t size() const { return rows_ * cols_; }
  float* data() const { return data_; }
  float* row(int64_t i) const { return data_ + i * cols_; }
  std::span<float> values() const { return {data_, static_cast<size_t>(size())}; }
  // Rows [begin, end), sharing this tensor's memory.
  Tensor slice(int64_t begin, int64_t end) const;
  Matrix matrix() const { return {data_, rows_, cols_, cols_}; }
  ConstMatrix view() const { return {data_, rows_, cols_, cols_}; }

 private:
  std::shared_ptr<const void> owner_;
  float* data_ = nullptr;
  int64_t rows_ = 0;
  int64_t cols_ = 0;
};

}  // namespace rankscope
