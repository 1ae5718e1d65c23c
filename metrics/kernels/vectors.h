// Doubles as wide as the instruction set that this file is compiled for, and the tile that its
// registers hold.
#pragma once

#include <stdint.h>

#include "metrics/kernels/kernels.h"

namespace rankscope::dense::RANKSCOPE_ISA {

// A tile's sums are 8 x 3 vectors of AVX-512's 32 registers, 4 x 3 of the 16 of AVX2 and SSE. Both
// sides are multiples of a vector, so that panels are packed in whole ones.
#if defined(__AVX512F__)
inline constexpr int64_t kLanes = 8, kTileRows = 8;
#elif defined(__AVX__)
inline constexpr int64_t kLanes = 4, kTileRows = 4;
#else
inline constexpr int64_t kLanes = 2, kTileRows = 4;
#endif
inline constexpr int64_t kTileVectors = 3, kTileCols = kTileVectors * kLanes;

typedef double Vector __attribute__((vector_size(kLanes * 8)));
typedef float HalfVector __attribute__((vector_size(kLanes * 4)));

inline Vector load(const double* p) {
  Vector v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
inline Vector load(const float* p) {
  HalfVector v;
  __builtin_memcpy(&v, p, sizeof v);
  return __builtin_convertvector(v, Vector);
}
inline void store(double* p, Vector v) { __builtin_memcpy(p, &v, sizeof v); }

// Rows become columns.
inline void transpose(Vector (&v)[kLanes]) {
#if defined(__AVX512F__)
  for (int i = 0; i < 4; ++i) {
    const Vector a = v[i], b = v[i + 4];
    v[i] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11);
    v[i + 4] = __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
  }
  for (int n = 0; n < 4; ++n) {
    const int i = n + (n & 2);  // 0, 1, 4, 5
    const Vector a = v[i], b = v[i + 2];
    v[i] = __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13);
    v[i + 2] = __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
  }
  for (int i = 0; i < 8; i += 2) {
    const Vector a = v[i], b = v[i + 1];
    v[i] = __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14);
    v[i + 1] = __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15);
  }
#elif defined(__AVX__)
  for (int i = 0; i < 2; ++i) {
    const Vector a = v[i], b = v[i + 2];
    v[i] = __builtin_shufflevector(a, b, 0, 1, 4, 5);
    v[i + 2] = __builtin_shufflevector(a, b, 2, 3, 6, 7);
  }
  for (int i = 0; i < 4; i += 2) {
    const Vector a = v[i], b = v[i + 1];
    v[i] = __builtin_shufflevector(a, b, 0, 4, 2, 6);
    v[i + 1] = __builtin_shufflevector(a, b, 1, 5, 3, 7);
  }
#else
  const Vector a = v[0], b = v[1];
  v[0] = __builtin_shufflevector(a, b, 0, 2);
  v[1] = __builtin_shufflevector(a, b, 1, 3);
#endif
}

}  // namespace rankscope::dense::RANKSCOPE_ISA
