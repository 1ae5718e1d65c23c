// The wide matrix products, by cuBLASLt (gemm.cpp) or, on the fake device, by plain loops.
#pragma once

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
  // chosen by k, n, types, alignment and whether there are an addend and a bias, never by m: a
  // row's bits do not depend on how many rows there are.
  virtual GemmResult run(ConstMatrix left, const WeightView& right, float alpha, ConstMatrix addend,
                         Matrix out, const void* bias = nullptr) = 0;
  // out [p, q] (F32) += left^T right with left [rows, p], right [rows, q] of one type.
  virtual void outer(ConstMatrix left, ConstMatrix right, Matrix out) = 0;
};

std::unique_ptr<Gemm> make_gemm(Stream stream);

}  // namespace rankscope::RANKSCOPE_CUDA
