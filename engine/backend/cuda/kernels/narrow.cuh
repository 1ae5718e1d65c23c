// What the kernels of low-rank updates share: tables of row ranges in a launch's parameters. With r
// columns these kernels move memory and hardly compute, so they take fp32 factors as they are and
// read each activation once.
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

// Calls f with as many of the parts at a time as a launch takes.
template <typename P, typename F>
void in_launches(std::span<const P> parts, F&& f) {
  for (size_t i = 0; i < parts.size(); i += kMostParts)
    f(parts.subspan(i, parts.size() - i < kMostParts ? parts.size() - i : kMostParts));
}

}  // namespace rankscope::RANKSCOPE_CUDA
