// Sixteen floats as one value, in the widest registers of the instruction set that this file is
// compiled for. Reductions have one order on every instruction set: sixteen lanes, folded
// 16 -> 8 -> 4 -> 2 -> 1. Loads and stores need no alignment, and tails are masked, so that a row's
// result depends neither on its address nor on how its width divides.
//
// Included only by the files under kernels/, which are compiled once per instruction set; all of it
// is in a namespace of that set, so that the linker cannot mix two sets' inline functions.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#define RANKSCOPE_INLINE __attribute__((always_inline))

#ifndef RANKSCOPE_ISA
#error "kernels are compiled with -DRANKSCOPE_ISA=<namespace> per instruction set"
#endif

namespace rankscope::cpu::RANKSCOPE_ISA {

#if defined(__AVX512F__)
inline constexpr int kNativeLanes = 16;
#elif defined(__AVX__)
inline constexpr int kNativeLanes = 8;
#else
inline constexpr int kNativeLanes = 4;
#endif

typedef float NativeF __attribute__((vector_size(kNativeLanes * 4)));
typedef int32_t NativeI __attribute__((vector_size(kNativeLanes * 4)));

inline NativeF load_native(const float* p) {
  NativeF v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
inline void store_native(float* p, NativeF v) { __builtin_memcpy(p, &v, sizeof v); }

inline constexpr int kLanes = 16;
inline constexpr int kParts = kLanes / kNativeLanes;

struct I16 {
  NativeI part[kParts];
};

#if defined(__AVX512F__)
inline __mmask16 first_mask(int64_t n) {
  return static_cast<__mmask16>(n >= kLanes ? 0xFFFFu : n <= 0 ? 0u : (1u << n) - 1u);
}
#endif
// All bits of the lanes that come before lane n of the sixteen, in part `part`.
inline NativeI first_lanes(int64_t n, int part) {
#if defined(__AVX512F__)
  const NativeI lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
#elif defined(__AVX__)
  const NativeI lane = {0, 1, 2, 3, 4, 5, 6, 7};
#else
  const NativeI lane = {0, 1, 2, 3};
#endif
  const int64_t bounded = n < 0 ? 0 : n > kLanes ? kLanes : n;
  return lane + part * kNativeLanes < NativeI{} + static_cast<int32_t>(bounded);
}

struct F16 {
  NativeF part[kParts];

  static F16 broadcast(float x) {
    F16 r;
    for (auto& p : r.part) p = x - NativeF{};
    return r;
  }
  static F16 zero() { return broadcast(0.0f); }
  static F16 load(const float* p) {
    F16 r;
    for (int i = 0; i < kParts; ++i) std::memcpy(&r.part[i], p + i * kNativeLanes, sizeof(NativeF));
    return r;
  }
  // The first n floats (n > 0; from 16 on all); the other lanes hold `fill`. Reads nothing beyond
  // them.
  static F16 load_first(const float* p, int64_t n, float fill = 0.0f) {
#if defined(__AVX512F__)
    if (__builtin_constant_p(n) && n >= kLanes) return load(p);
    F16 r;
    r.part[0] = _mm512_mask_loadu_ps(_mm512_set1_ps(fill), first_mask(n), p);
    return r;
#elif defined(__AVX2__)
    if (n >= kLanes) return load(p);
    F16 r;
    for (int i = 0; i < kParts; ++i) {
      const NativeI kept = first_lanes(n, i);
      const NativeF read =
          _mm256_maskload_ps(p + i * kNativeLanes, reinterpret_cast<__m256i>(kept));
      r.part[i] = kept ? read : NativeF{} + fill;
    }
    return r;
#else
    if (n >= kLanes) return load(p);
    float buffer[kLanes];
    for (int i = 0; i < kLanes; ++i) buffer[i] = fill;
    std::memcpy(buffer, p, static_cast<size_t>(n) * sizeof(float));
    return load(buffer);
#endif
  }
  // Part by part: a copy of the whole would keep the value in memory.
  void store(float* p) const {
    for (int i = 0; i < kParts; ++i) std::memcpy(p + i * kNativeLanes, &part[i], sizeof(NativeF));
  }
  // Stores the first n lanes (n > 0; from 16 on all).
  void store_first(float* p, int64_t n) const {
    if (n >= kLanes) return store(p);
#if defined(__AVX512F__)
    _mm512_mask_storeu_ps(p, first_mask(n), part[0]);
#elif defined(__AVX2__)
    for (int i = 0; i < kParts; ++i)
      _mm256_maskstore_ps(p + i * kNativeLanes, reinterpret_cast<__m256i>(first_lanes(n, i)),
                          part[i]);
#else
    float buffer[kLanes];
    store(buffer);
    std::memcpy(p, buffer, static_cast<size_t>(n) * sizeof(float));
#endif
  }
};

#define RANKSCOPE_LANEWISE(op)                                           \
  inline F16 operator op(F16 a, F16 b) {                                 \
    F16 r;                                                               \
    for (int i = 0; i < kParts; ++i) r.part[i] = a.part[i] op b.part[i]; \
    return r;                                                            \
  }
RANKSCOPE_LANEWISE(+)
RANKSCOPE_LANEWISE(-)
RANKSCOPE_LANEWISE(*)
RANKSCOPE_LANEWISE(/)
#undef RANKSCOPE_LANEWISE

// a * b + c; one rounding where the instruction set has it. Named outright there, so that in sums
// of two products it is not the optimiser that says which of them is rounded first.
inline F16 multiply_add(F16 a, F16 b, F16 c) {
  F16 r;
  for (int i = 0; i < kParts; ++i) {
#if defined(__AVX512F__)
    r.part[i] = _mm512_fmadd_ps(a.part[i], b.part[i], c.part[i]);
#elif defined(__FMA__)
    r.part[i] = _mm256_fmadd_ps(a.part[i], b.part[i], c.part[i]);
#else
    r.part[i] = a.part[i] * b.part[i] + c.part[i];
#endif
  }
  return r;
}
inline F16 negate(F16 a) {
  F16 r;
  for (int i = 0; i < kParts; ++i) r.part[i] = -a.part[i];
  return r;
}
inline F16 square_root(F16 a) {
  F16 r;
  for (int i = 0; i < kParts; ++i) {
#if defined(__AVX512F__)
    r.part[i] = _mm512_maskz_sqrt_ps(0xFFFF, a.part[i]);
#elif defined(__AVX__)
    r.part[i] = _mm256_sqrt_ps(a.part[i]);
#elif defined(__SSE2__)
    r.part[i] = _mm_sqrt_ps(a.part[i]);
#else
    for (int j = 0; j < kNativeLanes; ++j) r.part[i][j] = __builtin_sqrtf(a.part[i][j]);
#endif
  }
  return r;
}
inline F16 maximum(F16 a, F16 b) {
  F16 r;
  for (int i = 0; i < kParts; ++i) r.part[i] = a.part[i] > b.part[i] ? a.part[i] : b.part[i];
  return r;
}
// Lanes from n on become `fill`.
inline F16 keep_first(F16 a, int64_t n, float fill) {
  if (n >= kLanes) return a;
  F16 r;
  for (int i = 0; i < kParts; ++i) r.part[i] = first_lanes(n, i) ? a.part[i] : NativeF{} + fill;
  return r;
}

typedef float FourF __attribute__((vector_size(16)));

// Reductions 16 -> 8 -> 4 -> 2 -> 1, lane i with lane i + half each time. `fold` is a lambda of two
// vectors of any width.
template <typename Fold>
__attribute__((always_inline)) inline float reduce(F16 a, const Fold& fold) {
  FourF four;
#if defined(__AVX512F__)
  const NativeF v = a.part[0];
  const __m256 eight = fold(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7),
                            __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15));
  four = fold(__builtin_shufflevector(eight, eight, 0, 1, 2, 3),
              __builtin_shufflevector(eight, eight, 4, 5, 6, 7));
#elif defined(__AVX__)
  const NativeF eight = fold(a.part[0], a.part[1]);
  four = fold(__builtin_shufflevector(eight, eight, 0, 1, 2, 3),
              __builtin_shufflevector(eight, eight, 4, 5, 6, 7));
#else
  four = fold(fold(a.part[0], a.part[2]), fold(a.part[1], a.part[3]));
#endif
  four = fold(four, __builtin_shufflevector(four, four, 2, 3, 2, 3));
  return fold(four, __builtin_shufflevector(four, four, 1, 1, 1, 1))[0];
}
inline float sum(F16 a) {
  return reduce(
      a, [](auto x, auto y) __attribute__((always_inline)) { return x + y; });
}
inline float largest(F16 a) {
  return reduce(
      a, [](auto x, auto y) __attribute__((always_inline)) { return x > y ? x : y; });
}

// e^x to about one unit in the last place on [-87.3, 88.3]; below it gives 0, above it infinity,
// NaN for NaN. Cody-Waite reduction by ln 2 and a degree-6 polynomial.
inline F16 exponential(F16 x) {
  F16 r;
  for (int i = 0; i < kParts; ++i) {
    NativeF v = x.part[i];
    const NativeF high = NativeF{} + 88.72283f, low = NativeF{} - 87.33654f;
    NativeF c = v > high ? high : v;
    c = c < low ? low : c;
    // Adding 1.5 * 2^23 rounds to the nearest integer and leaves it in the low mantissa bits.
    const NativeF shift = NativeF{} + 12582912.0f;
    const NativeF shifted = c * 1.44269504088896341f + shift;
    const NativeF n = shifted - shift;
    NativeF f = n * -0.693359375f + c;
    f = n * 2.12194440e-4f + f;
    NativeF p = NativeF{} + 1.9875691500e-4f;
    p = p * f + 1.3981999507e-3f;
    p = p * f + 8.3334519073e-3f;
    p = p * f + 4.1665795894e-2f;
    p = p * f + 1.6666665459e-1f;
    p = p * f + 5.0000001201e-1f;
    NativeF e = p * (f * f) + f + 1.0f;
    NativeI bits, exponent;
    std::memcpy(&bits, &shifted, sizeof bits);
    exponent = (bits - 0x4B400000) << 23;
    std::memcpy(&bits, &e, sizeof bits);
    // 2^n is applied in two halves' worth by integer addition; n stays within [-126, 128].
    const NativeI doubled = bits + exponent;
    std::memcpy(&e, &doubled, sizeof e);
    const NativeF infinity = NativeF{} + __builtin_inff();
    e = v > high ? infinity : e;
    e = v < low ? NativeF{} : e;
    r.part[i] = v == v ? e : v;
  }
  return r;
}

}  // namespace rankscope::cpu::RANKSCOPE_ISA
