// The wide matrix products, by cuBLASLt (gemm.cpp) or, on the fake device, by plain loops.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

#include "engine/backend/backend.h"
#include "engine/backend/cuda/device.h"

namespace rankscope::RANKSCOPE_CUDA {

enum class GemmResult {
  kDone,
  kRowsRefused,  // nothing is done: the algorithm does not take this number of rows
  kBiasRefused,  // nothing is done: there is no algorithm with a bias for these operands
};

// A matrix as cuBLASLt reads it: `rows` numbers end to end, one such column every `ld`.
struct GemmLayout {
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t ld = 0;

  GemmLayout() = default;
  // Of one with a stride of 1. Ours stand in rows, so that cuBLASLt sees a matrix with a col_stride
  // of 1 transposed, and one with a row_stride of 1 as it is.
  static GemmLayout of(const WeightView& m) {
    return m.col_stride == 1 ? GemmLayout(m.cols, m.rows, m.row_stride)
                             : GemmLayout(m.rows, m.cols, m.col_stride);
  }
  static GemmLayout of(ConstMatrix m) { return of(WeightView::of(m)); }

 private:
  // cuBLASLt takes no ld below the rows, also where there is no second column for it to lead to: as
  // that of a matrix [n, 1] seen transposed, both of whose strides are 1.
  GemmLayout(int64_t length, int64_t count, int64_t distance)
      : rows(length), cols(count), ld(count <= 1 ? std::max(distance, length) : distance) {}
};

// The largest power of two up to 16 that divides the address and the distance of columns, in bytes.
inline uint32_t gemm_alignment(const void* data, int64_t ld, DType dtype) {
  const auto bits = reinterpret_cast<uintptr_t>(data) |
                    static_cast<uintptr_t>(ld * static_cast<int64_t>(dtype_size(dtype)));
  uint32_t aligned = 16;
  while (bits % aligned != 0) aligned /= 2;
  return aligned;
}

class Gemm {
 public:
  // Rows that an algorithm is chosen for. It takes multiples of them.
  static constexpr int64_t kTypicalRows = 1024;

  virtual ~Gemm() = default;
  // Of the library that is loaded: it chooses the algorithms, and so the bits.
  virtual std::string version() const = 0;
  // out [m, n] = alpha * left [m, k] right [k, n] + bias + addend. left and right have one type,
  // F32 or BF16; right has a stride of 1 along its rows or its columns; out is F32 or of their
  // type, and addend, which may be empty or out itself, is of out's type. bias [n] or null, for a
  // BF16 out alone: BF16 and aligned to 16 bytes. Sums are fp32, without TF32. The algorithm is
  // chosen by k, n, types, alignment, the distances of rows and whether there are an addend and a
  // bias, never by m: a row's bits do not depend on how many rows there are.
  virtual GemmResult run(ConstMatrix left, const WeightView& right, float alpha, ConstMatrix addend,
                         Matrix out, const void* bias = nullptr) = 0;
  // out [p, q] (F32) += left^T right with left [rows, p], right [rows, q] of one type.
  virtual void outer(ConstMatrix left, ConstMatrix right, Matrix out) = 0;
};

std::unique_ptr<Gemm> make_gemm(Stream stream);

}  // namespace rankscope::RANKSCOPE_CUDA
