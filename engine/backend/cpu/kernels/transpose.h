// The transposition of a square of floats in registers.
#pragma once

#include "engine/backend/cpu/kernels/simd.h"

namespace rankscope::cpu::RANKSCOPE_ISA {

// Lanes of (a, b), a's first, that the stage of distance kStep puts into the row that was a's, or b's.
template <int kStep, bool kSecond>
inline NativeI exchanged_lanes() {
  NativeI lanes{};
  for (int l = 0; l < kNativeLanes; ++l) {
    if (kSecond)
      lanes[l] = (l & kStep) != 0 ? kNativeLanes + l : l + kStep;
    else
      lanes[l] = (l & kStep) != 0 ? kNativeLanes + l - kStep : l;
  }
  return lanes;
}

template <int kStep>
RANKSCOPE_INLINE inline void exchange(NativeF (&rows)[kNativeLanes]) {
#pragma GCC unroll 16
  for (int i = 0; i < kNativeLanes; ++i) {
    if ((i & kStep) != 0) continue;
    const NativeF a = rows[i], b = rows[i + kStep];
    rows[i] = __builtin_shuffle(a, b, exchanged_lanes<kStep, false>());
    rows[i + kStep] = __builtin_shuffle(a, b, exchanged_lanes<kStep, true>());
  }
}

// rows[i][j] <- rows[j][i]: each stage exchanges one bit of the number of a row for the same bit of the
// number of a lane.
RANKSCOPE_INLINE inline void transpose(NativeF (&rows)[kNativeLanes]) {
  exchange<1>(rows);
  exchange<2>(rows);
  if constexpr (kNativeLanes >= 8) exchange<4>(rows);
  if constexpr (kNativeLanes >= 16) exchange<8>(rows);
}

}  // namespace rankscope::cpu::RANKSCOPE_ISA
