// The maximum and the sum of exponentials of a row of up to some 150,000 logits.
#pragma once

#include "engine/backend/cpu/kernels/columns.h"

namespace rankscope::cpu::RANKSCOPE_ISA {

// Columns whose sum is formed in fp32 before it is added to a double: each lane of a running value
// then holds at most 32 terms.
inline constexpr int64_t kSoftmaxBlock = 2048;

static inline float row_maximum(const float* x, int64_t cols) {
  Running top = Running::broadcast(-__builtin_inff());
  each_numbered_chunk(cols, [&](int64_t c, int64_t n, int j) RANKSCOPE_INLINE {
    top.value[j] = maximum(F16::load_first(x + c, n, -__builtin_inff()), top.value[j]);
  });
  return top.top();
}

struct RowSums {
  double exponentials;  // of e^(x - top)
  double differences;   // of x - top
};

// Where `keep`, x becomes e^(x - top): the gradient needs it again.
static inline RowSums sum_row(float* x, int64_t cols, float top, bool keep) {
  const F16 top16 = F16::broadcast(top);
  RowSums sums = {0.0, 0.0};
  for (int64_t begin = 0; begin < cols; begin += kSoftmaxBlock) {
    const int64_t width = cols - begin < kSoftmaxBlock ? cols - begin : kSoftmaxBlock;
    float* block = x + begin;
    Running exponentials = Running::broadcast(0.0f), differences = Running::broadcast(0.0f);
    each_numbered_chunk(width, [&](int64_t c, int64_t n, int j) RANKSCOPE_INLINE {
      const F16 difference = F16::load_first(block + c, n, top) - top16;
      const F16 e = keep_first(exponential(difference), n, 0.0f);
      exponentials.value[j] = exponentials.value[j] + e;
      differences.value[j] = differences.value[j] + difference;
      if (keep) e.store_first(block + c, n);
    });
    sums.exponentials += static_cast<double>(exponentials.total());
    sums.differences += static_cast<double>(differences.total());
  }
  return sums;
}

}  // namespace rankscope::cpu::RANKSCOPE_ISA
