// The transposition of a square of floats in registers.
#pragma once

#include "engine/backend/cpu/kernels/simd.h"

namespace rankscope::cpu::RANKSCOPE_ISA {

template <int... kLane>
struct Lanes {};
#if defined(__AVX512F__)
using AllLanes = Lanes<0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15>;
#elif defined(__AVX__)
using AllLanes = Lanes<0, 1, 2, 3, 4, 5, 6, 7>;
#else
using AllLanes = Lanes<0, 1, 2, 3>;
#endif

// The stage of distance kStep of two rows: where a lane's number has that bit set, the first row
// gets the second one's lane kStep before it, and where it has not, the second gets the first one's
// behind.
template <int kStep, int... kLane>
RANKSCOPE_INLINE inline void exchange_lanes(NativeF& first, NativeF& second, Lanes<kLane...>) {
  const NativeF a = first, b = second;
  first = __builtin_shufflevector(a, b,
                                  ((kLane & kStep) != 0 ? kNativeLanes + kLane - kStep : kLane)...);
  second = __builtin_shufflevector(
      a, b, ((kLane & kStep) != 0 ? kNativeLanes + kLane : kLane + kStep)...);
}

template <int kStep>
RANKSCOPE_INLINE inline void exchange(NativeF (&rows)[kNativeLanes]) {
#pragma GCC unroll 16
  for (int i = 0; i < kNativeLanes; ++i)
    if ((i & kStep) == 0) exchange_lanes<kStep>(rows[i], rows[i + kStep], AllLanes{});
}

// rows[i][j] <- rows[j][i]: each stage exchanges one bit of the number of a row for the same bit of
// the number of a lane.
RANKSCOPE_INLINE inline void transpose(NativeF (&rows)[kNativeLanes]) {
  exchange<1>(rows);
  exchange<2>(rows);
  if constexpr (kNativeLanes >= 8) exchange<4>(rows);
  if constexpr (kNativeLanes >= 16) exchange<8>(rows);
}

}  // namespace rankscope::cpu::RANKSCOPE_ISA
