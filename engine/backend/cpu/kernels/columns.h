// Walks over the columns of a row, sixteen at a time with a masked tail, in one order that depends
// on the width alone. Bodies are lambdas that must be inlined: with n = 16 known, the masks vanish.
#pragma once

#include "engine/backend/cpu/kernels/simd.h"

namespace rankscope::cpu::RANKSCOPE_ISA {

// body(column, n) for each chunk of n <= 16 columns.
template <typename Body>
RANKSCOPE_INLINE static inline void each_chunk(int64_t columns, const Body& body) {
  int64_t c = 0;
  for (; c + kLanes <= columns; c += kLanes) body(c, static_cast<int64_t>(kLanes));
  if (c < columns) body(c, columns - c);
}

// Four running values (sums of a row, say): column c belongs to number c / 16 % 4, lane c % 16.
inline constexpr int kRunning = 4;

struct Running {
  F16 value[kRunning];

  static Running broadcast(float x) {
    Running r;
    for (F16& v : r.value) v = F16::broadcast(x);
    return r;
  }
  float total() const { return sum((value[0] + value[1]) + (value[2] + value[3])); }
  float top() const {
    return largest(maximum(maximum(value[0], value[1]), maximum(value[2], value[3])));
  }
};

// body(column, n, number) for each chunk, `number` being that of its running value.
template <typename Body>
RANKSCOPE_INLINE static inline void each_numbered_chunk(int64_t columns, const Body& body) {
  constexpr int64_t kGroup = kRunning * kLanes;
  constexpr int64_t kAll = kLanes;
  int64_t c = 0;
  for (; c + kGroup <= columns; c += kGroup) {
    body(c, kAll, 0);
    body(c + kLanes, kAll, 1);
    body(c + 2 * kLanes, kAll, 2);
    body(c + 3 * kLanes, kAll, 3);
  }
  const int64_t rest = columns - c;
  if (rest > 0) body(c, rest < kAll ? rest : kAll, 0);
  if (rest > kLanes) body(c + kLanes, rest < 2 * kAll ? rest - kAll : kAll, 1);
  if (rest > 2 * kLanes) body(c + 2 * kLanes, rest < 3 * kAll ? rest - 2 * kAll : kAll, 2);
  if (rest > 3 * kLanes) body(c + 3 * kLanes, rest - 3 * kAll, 3);
}

}  // namespace rankscope::cpu::RANKSCOPE_ISA
