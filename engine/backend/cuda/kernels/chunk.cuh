// Eight neighbouring elements of a row: in loads and stores of 16 bytes where addresses and strides
// allow it and one by one elsewhere, so that an address changes no bit.
#pragma once

#include <cstdint>

#include "engine/backend/cuda/device.h"
#include "engine/tensor/tensor.h"

namespace rankscope::RANKSCOPE_CUDA {

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

inline constexpr int kChunk = 8;

template <typename T>
struct alignas(16) Chunk {
  T x[kChunk];
};

// A stored half-precision number, which nothing computes with.
struct HalfBits {
  uint16_t bits;
};

// Exponent and mantissa move into place and 2^(127 - 15) mends the bias, of subnormal numbers too.
__device__ __forceinline__ float to_float(HalfBits x) {
  uint32_t word = __float_as_uint(__uint_as_float((x.bits & 0x7FFFu) << 13) * 0x1p112f);
  if ((x.bits & 0x7C00u) == 0x7C00u) word |= 0x7F800000u;
  return __uint_as_float(word | (x.bits & 0x8000u) << 16);
}

// How many of a chunk's elements there are where `left` follow.
__device__ __forceinline__ int in_chunk(int64_t left) {
  return static_cast<int>(left < kChunk ? left : kChunk);
}

// Row, column and size of the chunk of thread `index` over rows of `cols` elements.
struct ChunkPlace {
  int64_t row, col;
  int n;
};
__device__ __forceinline__ ChunkPlace chunk_place(int64_t index, int64_t cols) {
  const int64_t chunks = (cols + kChunk - 1) / kChunk;
  const int64_t row = index / chunks, col = (index - row * chunks) * kChunk;
  return {row, col, in_chunk(cols - col)};
}

// Whether all rows begin at multiples of 16 bytes.
inline bool is_wide(const void* data, int64_t stride, size_t element_bytes) {
  return reinterpret_cast<uintptr_t>(data) % 16 == 0 &&
         stride * static_cast<int64_t>(element_bytes) % 16 == 0;
}
inline bool is_wide(ConstMatrix m) { return is_wide(m.data, m.stride, dtype_size(m.dtype)); }

// The first n elements, n <= kChunk; zeros behind them.
template <typename T>
__device__ __forceinline__ void load(const T* from, int n, bool wide, float to[kChunk]) {
  if (wide && n == kChunk) {
    const Chunk<T> all = *reinterpret_cast<const Chunk<T>*>(from);
#pragma unroll
    for (int i = 0; i < kChunk; ++i) to[i] = to_float(all.x[i]);
  } else {
#pragma unroll
    for (int i = 0; i < kChunk; ++i) to[i] = i < n ? to_float(from[i]) : 0.0f;
  }
}

// A plain store that stays whole: one through a pointer may be taken apart by the compiler. To
// global memory alone.
#if defined(RANKSCOPE_FAKE_DEVICE)
#define __stwb(to, value) (expect_global(to, sizeof(value)), *(to) = (value))
#endif
template <typename T>
__device__ __forceinline__ void store(const float from[kChunk], int n, bool wide, T* to) {
  if (wide && n == kChunk) {
    Chunk<T> all;
    for (int i = 0; i < kChunk; ++i) all.x[i] = from_float<T>(from[i]);
    uint4 words[sizeof all / 16];
    __builtin_memcpy(words, &all, sizeof all);
    for (size_t i = 0; i < sizeof all / 16; ++i) __stwb(reinterpret_cast<uint4*>(to) + i, words[i]);
  } else {
    for (int i = 0; i < kChunk; ++i)
      if (i < n) to[i] = from_float<T>(from[i]);
  }
}

}  // namespace rankscope::RANKSCOPE_CUDA
