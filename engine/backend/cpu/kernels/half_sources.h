// Stored elements of a checkpoint's type as floats.
#pragma once

#include "engine/backend/cpu/kernels/simd.h"

namespace rankscope::cpu::RANKSCOPE_ISA {

typedef uint32_t Words __attribute__((vector_size(kNativeLanes * 4)));
typedef uint16_t Halves __attribute__((vector_size(kNativeLanes * 2)));

// A source widens sixteen elements that follow one another, one (only where the processor widens
// that of every type by itself), and the first or the second half of a row of a panel (pack.cpp says
// where its elements lie).
struct F32Source {
  using Element = float;
  static F16 widen(const float* values) { return F16::load(values); }
  static float widen_one(const float* value) { return *value; }
  static NativeF half_row(const float* row, int half) {
    return load_native(row + half * kNativeLanes);
  }
};

// 16-bit elements that follow one another, each in a word.
inline Words words_of(const uint16_t* values) {
  Halves halves;
  __builtin_memcpy(&halves, values, sizeof halves);
  return __builtin_convertvector(halves, Words);
}

struct BF16Source {
  using Element = uint16_t;
  static float widen_one(const uint16_t* value) {
    const uint32_t bits = static_cast<uint32_t>(*value) << 16;
    float r;
    __builtin_memcpy(&r, &bits, sizeof r);
    return r;
  }
  static F16 widen(const uint16_t* values) {
    F16 r;
    for (int i = 0; i < kParts; ++i)
      r.part[i] = reinterpret_cast<NativeF>(words_of(values + i * kNativeLanes) << 16);
    return r;
  }
  static NativeF half_row(const uint16_t* row, int half) {
    Words pairs;
    __builtin_memcpy(&pairs, row, sizeof pairs);
    return reinterpret_cast<NativeF>(half == 0 ? pairs << 16 : pairs & 0xFFFF0000u);
  }
};

struct F16Source {
  using Element = uint16_t;
#if defined(__F16C__)
  static float widen_one(const uint16_t* value) { return _cvtsh_ss(*value); }
#endif
  static F16 widen(const uint16_t* values) {
    F16 r;
    for (int i = 0; i < kParts; ++i) r.part[i] = widen_native(values + i * kNativeLanes);
    return r;
  }
  static NativeF half_row(const uint16_t* row, int half) {
    return widen_native(row + half * kNativeLanes);
  }

 private:
  static NativeF widen_native(const uint16_t* values) {
#if defined(__AVX512F__)
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(values)));
#elif defined(__F16C__)
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(values)));
#else
    // Exponent and mantissa move into place; a multiplication by 2^(127 - 15) mends the bias, of
    // subnormal numbers too. Infinities and NaN get the full exponent.
    const Words bits = words_of(values);
    const NativeF scaled = reinterpret_cast<NativeF>((bits & 0x7FFFu) << 13) * 0x1p112f;
    const Words special = (bits & 0x7C00u) == 0x7C00u ? Words{} + 0x7F800000u : Words{};
    return reinterpret_cast<NativeF>(reinterpret_cast<Words>(scaled) | special |
                                     (bits & 0x8000u) << 16);
#endif
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
