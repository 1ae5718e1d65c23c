// Stored elements of a checkpoint's type as floats.
#pragma once

#include "engine/backend/cpu/kernels/simd.h"

namespace rankscope::cpu::RANKSCOPE_ISA {

typedef uint32_t Words __attribute__((vector_size(kNativeLanes * 4)));
typedef uint16_t Halves __attribute__((vector_size(kNativeLanes * 2)));

// Sixteen elements that follow one another, of a source whose `widen_words` widens 16-bit elements
// that lie in the low half of a word each.
template <typename Source>
F16 widen_halves(const uint16_t* values) {
  F16 r;
  for (int i = 0; i < kParts; ++i) {
    Halves halves;
    __builtin_memcpy(&halves, values + i * kNativeLanes, sizeof halves);
    r.part[i] = Source::widen_words(__builtin_convertvector(halves, Words));
  }
  return r;
}

// The first or the second half of a row of a panel (pack.cpp).
template <typename Source>
NativeF widen_half_row(const uint16_t* row, int half) {
  Words pairs;
  __builtin_memcpy(&pairs, row, sizeof pairs);
  return Source::widen_words(half == 0 ? pairs & 0xFFFFu : pairs >> 16);
}

struct F32Source {
  using Element = float;
  static F16 widen(const float* values) { return F16::load(values); }
  static NativeF half_row(const float* row, int half) {
    NativeF values;
    __builtin_memcpy(&values, row + half * kNativeLanes, sizeof values);
    return values;
  }
};

struct BF16Source {
  using Element = uint16_t;
  static F16 widen(const uint16_t* values) { return widen_halves<BF16Source>(values); }
  static NativeF widen_words(Words bits) { return reinterpret_cast<NativeF>(bits << 16); }
  static NativeF half_row(const uint16_t* row, int half) {
    return widen_half_row<BF16Source>(row, half);
  }
};

struct F16Source {
  using Element = uint16_t;
  static F16 widen(const uint16_t* values) { return widen_halves<F16Source>(values); }
  // Exponent and mantissa move into place; a multiplication by 2^(127 - 15) mends the bias, of
  // subnormal numbers too. Infinities and NaN get the full exponent.
  static NativeF widen_words(Words bits) {
    const NativeF scaled = reinterpret_cast<NativeF>((bits & 0x7FFFu) << 13) * 0x1p112f;
    const Words special = (bits & 0x7C00u) == 0x7C00u ? Words{} + 0x7F800000u : Words{};
    return reinterpret_cast<NativeF>(reinterpret_cast<Words>(scaled) | special |
                                     (bits & 0x8000u) << 16);
  }
  static NativeF half_row(const uint16_t* row, int half) {
    return widen_half_row<F16Source>(row, half);
  }
};

// Calls body with the source of a type code: 0 = F32, 1 = F16, 2 = BF16.
template <typename Body>
void with_source(int dtype, const Body& body) {
  if (dtype == 0)
    body(F32Source{});
  else if (dtype == 1)
    body(F16Source{});
  else
    body(BF16Source{});
}

}  // namespace rankscope::cpu::RANKSCOPE_ISA
