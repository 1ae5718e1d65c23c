// What the kernels of low-rank updates share: tables of row ranges in a launch's parameters, and
// loads of neighbouring elements. With r columns these kernels move memory and hardly compute, so
// they take fp32 factors as they are and read each activation once.
#pragma once

#include <cstdint>
#include <span>

#include "engine/backend/cuda/kernels.h"
#include "engine/backend/cuda/kernels/chunk.cuh"

namespace rankscope::RANKSCOPE_CUDA {

inline constexpr int kNarrowThreads = 128;
// Ranges of rows that the parameters of a launch hold.
inline constexpr int kMostParts = 32;

// Ranks in registers at a time.
inline int ranks_at_once(int64_t r) { return r <= 4 ? 4 : r <= 8 ? 8 : 16; }

// The part that a block works on: blocks [first_block, next part's) are its.
template <typename P>
struct Parts {
  P part[kMostParts];
  int count;

  __device__ __forceinline__ const P& of(int64_t block) const {
    int i = 0;
    while (i + 1 < count && block >= part[i + 1].first_block) ++i;
    return part[i];
  }
};

struct Strided {
  const float* data;
  int64_t row_stride;
  int64_t col_stride;
};

inline Strided strided(const WeightView& view) {
  return {static_cast<const float*>(view.data), view.row_stride, view.col_stride};
}

// Two neighbouring elements, in one access where `paired`.
template <typename T>
__device__ __forceinline__ void load_pair(const T* from, int count, bool paired, float values[2]) {
  if (paired && count == 2) {
    if constexpr (sizeof(T) == 2) {
      const uint32_t both = *reinterpret_cast<const uint32_t*>(from);
      values[0] = to_float(Bf16{static_cast<uint16_t>(both)});
      values[1] = to_float(Bf16{static_cast<uint16_t>(both >> 16)});
    } else {
      const auto both = *reinterpret_cast<const float2*>(from);
      values[0] = both.x;
      values[1] = both.y;
    }
    return;
  }
  values[0] = to_float(from[0]);
  values[1] = count == 2 ? to_float(from[1]) : 0.0f;
}

template <typename T>
__device__ __forceinline__ void store_pair(T* to, int count, bool paired, const float values[2]) {
  if (paired && count == 2) {
    if constexpr (sizeof(T) == 2) {
      const uint32_t low = from_float<T>(values[0]).bits, high = from_float<T>(values[1]).bits;
      *reinterpret_cast<uint32_t*>(to) = low | high << 16;
    } else {
      *reinterpret_cast<float2*>(to) = make_float2(values[0], values[1]);
    }
    return;
  }
  to[0] = from_float<T>(values[0]);
  if (count == 2) to[1] = from_float<T>(values[1]);
}

// Whether rows of elements of `size` bytes can be read in pairs.
inline bool in_pairs(const void* data, int64_t stride, size_t size) {
  return reinterpret_cast<uintptr_t>(data) % (2 * size) == 0 && stride % 2 == 0;
}

// Calls f with as many of the parts at a time as a launch takes.
template <typename P, typename F>
void in_launches(std::span<const P> parts, F&& f) {
  for (size_t i = 0; i < parts.size(); i += kMostParts)
    f(parts.subspan(i, parts.size() - i < kMostParts ? parts.size() - i : kMostParts));
}

}  // namespace rankscope::RANKSCOPE_CUDA
