// The wide matrix products, by cuBLASLt (gemm.cpp) or, on the fake device, by plain loops.
#pragma once

#include <memory>

#include "engine/backend/backend.h"
#include "engine/backend/cuda/device.h"

namespace rankscope::RANKSCOPE_CUDA {

class Gemm {
 public:
  virtual ~Gemm() = default;
  // out [m, n] = alpha * left [m, k] right [k, n] + addend. left and right have one type, F32 or
  // BF16; right has a stride of 1 along its rows or its columns; out is F32 or of their type, and
  // addend, which may be empty or out itself, is of out's type. Sums are fp32, without TF32. The
  // algorithm is chosen by k, n, types, alignment and whether there is an addend, never by m: a
  // row's bits do not depend on how many rows there are.
  virtual void run(ConstMatrix left, const WeightView& right, float alpha, ConstMatrix addend,
                   Matrix out) = 0;
  // out [p, q] (F32) += left^T right with left [rows, p], right [rows, q] of one type.
  virtual void outer(ConstMatrix left, ConstMatrix right, Matrix out) = 0;
};

std::unique_ptr<Gemm> make_gemm(Stream stream);

}  // namespace rankscope::RANKSCOPE_CUDA
