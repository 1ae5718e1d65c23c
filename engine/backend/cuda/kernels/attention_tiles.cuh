// Tiles of the attention kernels: rows of a head between global and shared memory, and products of
// one warp over tiles in shared memory. Everything is a template over the element type, so that one
// kernel source serves float and bfloat16: both have the outputs of a product at the same lanes.
//
// Tiles lie row by row, kRowStride elements apart, padded by zeros to a width of 32, 64, 96 or 128.
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>

#include "engine/backend/cuda/device.h"
#include "engine/backend/cuda/kernels.h"

namespace rankscope::RANKSCOPE_CUDA {

// A block is 4 warps; each owns 16 rows of the block's outputs (the m of one mma).
inline constexpr int kAttentionThreads = 128;
inline constexpr int kWarpRows = 16;
inline constexpr int kBlockRows = kAttentionThreads / kWarp * kWarpRows;

template <typename T>
inline constexpr bool kIsBf16 = std::is_same_v<T, Bf16>;

// 16 bytes more than the width: the 8 rows of a matrix that one instruction reads then lie in
// different banks.
template <typename T, int kWidth>
inline constexpr int kRowStride = kWidth + static_cast<int>(16 / sizeof(T));

// Rows of one head in global memory; `aligned` where each row is made of whole aligned 16 bytes.
template <typename T>
struct HeadRows {
  T* data;
  int64_t stride;
  bool aligned;

  __device__ __forceinline__ HeadRows from(int row) const {
    return {data + row * stride, stride, aligned};
  }
};

// The operands of a launch.
template <typename T>
struct HeadMatrix {
  T* data = nullptr;
  int64_t stride = 0;

  __device__ __forceinline__ HeadRows<T> rows(int64_t first, int head, int head_dim) const {
    T* begin = data + first * stride + static_cast<int64_t>(head) * head_dim;
    const bool aligned = reinterpret_cast<uintptr_t>(begin) % 16 == 0 &&
                         stride * static_cast<int64_t>(sizeof(T)) % 16 == 0 &&
                         head_dim * sizeof(T) % 16 == 0;
    return {begin, stride, aligned};
  }
};

template <typename T, typename M>
HeadMatrix<T> head_matrix(const M& m) {
  return {reinterpret_cast<T*>(m.data), m.stride};
}

// Calls f with the smallest supported width that holds head_dim, as an integral_constant.
template <typename F>
void with_head_width(int64_t head_dim, F&& f) {
  if (head_dim <= 32) return f(std::integral_constant<int, 32>{});
  if (head_dim <= 64) return f(std::integral_constant<int, 64>{});
  if (head_dim <= 96) return f(std::integral_constant<int, 96>{});
  if (head_dim <= kMostGpuHeadDim) return f(std::integral_constant<int, kMostGpuHeadDim>{});
  throw std::logic_error("a model of head_dim " + std::to_string(head_dim) + " on a GPU");
}

// The query rows of this block, and the keys of their sequence; no rows: none are left.
struct QueryTile {
  int64_t first_row, first_key;
  int rows, keys;
};
// Tiles with the most keys begin first, so that short ones fill the end of the launch.
__device__ __forceinline__ QueryTile query_tile(const DeviceLayout& layout, int64_t tiles) {
  const unsigned sequences = static_cast<unsigned>(layout.sequences);
  const int64_t tile = tiles - 1 - blockIdx.x / sequences;
  const unsigned sequence = blockIdx.x % sequences;
  const int64_t first_row = layout.query_begin[sequence] + tile * kBlockRows;
  const int64_t left = layout.query_begin[sequence + 1] - first_row;
  const int64_t first_key = layout.key_begin[sequence];
  return {first_row, first_key,
          static_cast<int>(max(int64_t{0}, min(left, static_cast<int64_t>(kBlockRows)))),
          static_cast<int>(layout.key_begin[sequence + 1] - first_key)};
}

// ---- The machine's instructions, and what they do on the fake device ----------------------------

// What one instruction loads or stores, of elements of any type.
struct [[gnu::may_alias]] alignas(16) Bytes16 {
  uint32_t words[4];
};
struct [[gnu::may_alias]] Word {
  uint32_t bits;
};
struct alignas(16) Quad {
  float x[4];
};
struct alignas(8) Pair {
  float x[2];
};

__device__ __forceinline__ int lane_id() { return static_cast<int>(threadIdx.x) % kWarp; }

#if defined(__CUDACC__)

__device__ __forceinline__ uint32_t shared_address(const void* shared) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(shared));
}
// Copies that run beside the computation until wait_copies(); other threads see what was copied
// behind the sync_threads() that follows it. Nothing is read where only zeros are wanted.
__device__ __forceinline__ void copy_16_async(void* shared, const void* global, bool copy) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(shared_address(shared)),
               "l"(global), "r"(copy ? 16 : 0)
               : "memory");
}
__device__ __forceinline__ void copy_4_async(void* shared, const void* global) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4;\n" ::"r"(shared_address(shared)),
               "l"(global)
               : "memory");
}
__device__ __forceinline__ void wait_copies() { asm volatile("cp.async.wait_all;\n" ::: "memory"); }
// The lower half of the word is `low`.
__device__ __forceinline__ uint32_t bf16_pair(float low, float high) {
  uint32_t word;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;\n" : "=r"(word) : "f"(high), "f"(low));
  return word;
}
__device__ __forceinline__ float power_of_two(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;\n" : "=f"(y) : "f"(x));
  return y;
}
// ldmatrix: four matrices of 8 rows x 8 elements; lane i gives the address of row i % 8 of matrix
// i / 8. word[m] is elements 2t, 2t+1 of row g of matrix m (g = lane / 4, t = lane % 4), or, when
// transposed, element g of rows 2t and 2t+1.
template <bool kTransposed>
__device__ __forceinline__ void load_matrices(uint32_t word[4], const Bf16* row) {
  if constexpr (kTransposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];\n"
                 : "=r"(word[0]), "=r"(word[1]), "=r"(word[2]), "=r"(word[3])
                 : "r"(shared_address(row))
                 : "memory");
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];\n"
                 : "=r"(word[0]), "=r"(word[1]), "=r"(word[2]), "=r"(word[3])
                 : "r"(shared_address(row))
                 : "memory");
}

#else

__device__ __forceinline__ void copy_16_async(void* shared, const void* global, bool copy) {
  if (copy)
    __builtin_memcpy(shared, global, 16);
  else
    __builtin_memset(shared, 0, 16);
}
__device__ __forceinline__ void copy_4_async(void* shared, const void* global) {
  __builtin_memcpy(shared, global, 4);
}
__device__ __forceinline__ void wait_copies() {}
__device__ __forceinline__ uint32_t bf16_pair(float low, float high) {
  return from_float<Bf16>(low).bits | static_cast<uint32_t>(from_float<Bf16>(high).bits) << 16;
}
__device__ __forceinline__ float power_of_two(float x) { return exp2f(x); }
template <bool kTransposed>
__device__ __forceinline__ void load_matrices(uint32_t word[4], const Bf16* row) {
  const Bf16* base = dynamic_shared<Bf16>();
  const int offset = static_cast<int>(row - base);
  const int g = lane_id() / 4, t = lane_id() % 4;
  for (int m = 0; m < 4; ++m) {
    const int first = shuffle(offset, 8 * m + (kTransposed ? 2 * t : g));
    const int second = kTransposed ? shuffle(offset, 8 * m + 2 * t + 1) : first;
    const Bf16 low = base[first + (kTransposed ? g : 2 * t)];
    const Bf16 high = base[second + (kTransposed ? g : 2 * t + 1)];
    word[m] = low.bits | static_cast<uint32_t>(high.bits) << 16;
  }
}

#endif

__device__ __forceinline__ void store_pair(float* to, float low, float high) {
  *reinterpret_cast<Pair*>(to) = {{low, high}};
}
__device__ __forceinline__ void store_pair(Bf16* to, float low, float high) {
  *reinterpret_cast<Word*>(to) = {bf16_pair(low, high)};
}

// e^x of scaled scores. bfloat16 takes the machine's power of two, whose error is far below the
// rounding of its inputs, and folds the change of base into the scale; float takes expf.
template <typename T>
struct Exponential {
  static constexpr float kLog2E = 1.44269504088896340736f;
  static constexpr float kLn2 = 0.69314718055994530942f;
  __device__ static float factor(float scale) { return kIsBf16<T> ? scale * kLog2E : scale; }
  __device__ static float offset(float log_sum) { return kIsBf16<T> ? log_sum * kLog2E : log_sum; }
  __device__ static float log_sum(float offset, float sum) {
    return (kIsBf16<T> ? offset * kLn2 : offset) + logf(sum);
  }
  __device__ static float raise(float x) { return kIsBf16<T> ? power_of_two(x) : expf(x); }
};

// ---- Tiles --------------------------------------------------------------------------------------

// Rows [0, count) of a head to a tile of kRows; what lies beyond them or beyond head_dim becomes
// zero. All threads of the block take part; wait_copies() and sync_threads() must follow.
template <int kWidth, int kRows, typename T>
__device__ __forceinline__ void load_tile(T* tile, HeadRows<const T> from, int count,
                                          int head_dim) {
  constexpr int kStride = kRowStride<T, kWidth>;
  const int thread = static_cast<int>(threadIdx.x);
  if (from.aligned) {
    // A thread copies the same 16 bytes of every kStep-th row; where a row has not as many as a
    // power of two, some threads copy none.
    constexpr int kChunk = static_cast<int>(16 / sizeof(T));
    constexpr int kSlots = (kWidth == 96 ? 128 : kWidth) / kChunk;
    constexpr int kStep = kAttentionThreads / kSlots;
    static_assert(kAttentionThreads % kSlots == 0 && kRows % kStep == 0);
    const int first = thread / kSlots, column = thread % kSlots * kChunk;
    const int valid_rows = column < head_dim ? count : 0;
    if (column >= kWidth) return;
    const T* source = from.data + first * from.stride + column;
#pragma unroll
    for (int row = first; row < first + kRows; row += kStep) {
      copy_16_async(tile + row * kStride + column, source, row < valid_rows);
      source += kStep * from.stride;
    }
  } else {
#pragma unroll 1
    for (int i = thread; i < kRows * kWidth; i += kAttentionThreads) {
      const int row = i / kWidth, column = i % kWidth;
      tile[row * kStride + column] = row < count && column < head_dim
                                         ? from.data[row * from.stride + column]
                                         : from_float<T>(0.0f);
    }
  }
}

// A warp's 16 x kWidth sums, row g times factor[0] and row g + 8 times factor[1], to a head's first
// `count` rows. They go through `own`, 16 rows of a tile that no other warp reads any more.
template <int kWidth, typename T>
__device__ __forceinline__ void store_rows(const float (&sums)[kWidth / 8][4],
                                           const float (&factor)[2], T* own, HeadRows<T> to,
                                           int count, int head_dim) {
  constexpr int kStride = kRowStride<T, kWidth>;
  const int lane = lane_id(), g = lane / 4, t = lane % 4;
  sync_warp();
#pragma unroll
  for (int j = 0; j < kWidth / 8; ++j) {
    store_pair(own + g * kStride + 8 * j + 2 * t, sums[j][0] * factor[0], sums[j][1] * factor[0]);
    store_pair(own + (g + 8) * kStride + 8 * j + 2 * t, sums[j][2] * factor[1],
               sums[j][3] * factor[1]);
  }
  sync_warp();
  const int chunk = to.aligned ? static_cast<int>(16 / sizeof(T)) : 1;
  const int chunks = kWidth / chunk;
#pragma unroll 1
  for (int i = lane; i < kWarpRows * chunks; i += kWarp) {
    const int row = i / chunks, column = i % chunks * chunk;
    if (row >= count || column >= head_dim) continue;
    const T* from = own + row * kStride + column;
    if (to.aligned)
      *reinterpret_cast<Bytes16*>(to.data + row * to.stride + column) =
          *reinterpret_cast<const Bytes16*>(from);
    else
      to.data[row * to.stride + column] = *from;
  }
}

// Runs compute(i) behind load(i) for i in [0, count). With two stages the loads of i + 1, into the
// other half of a double buffer, run during compute(i).
template <int kStages, typename Load, typename Compute>
__device__ __forceinline__ void pipeline(int count, Load&& load, Compute&& compute) {
  if (kStages == 2 && count > 0) load(0);
#pragma unroll 1
  for (int i = 0; i < count; ++i) {
    if (kStages == 1) {
      sync_threads();
      load(i);
    }
    wait_copies();
    // Behind this the tiles of i are there, and no warp computes with those of i - 1.
    sync_threads();
    if (kStages == 2 && i + 1 < count) load(i + 1);
    sync_warp();  // lanes part in load, and mma wants them together
    compute(i);
  }
}

// ---- Products of a warp -------------------------------------------------------------------------

// The left operand of a product: 16 rows of a tile.
template <typename T, int kStride>
struct SharedLeft {
  const T* tile_rows;

  __device__ __forceinline__ const T* row(int i) const { return tile_rows + i * kStride; }
  __device__ __forceinline__ void fragment(int step, uint32_t a[4]) const {
    load_matrices<false>(a, row(lane_id() % 16) + lane_id() / 16 * 8 + 16 * step);
  }
};

// The same in registers, as mma takes it.
template <int kColumns>
struct HeldLeft {
  uint32_t words[kColumns / 16][4];

  __device__ __forceinline__ void fragment(int step, uint32_t a[4]) const {
#pragma unroll
    for (int i = 0; i < 4; ++i) a[i] = words[step][i];
  }
};

// A warp's 16 x kColumns scores as the left operand of the next product. For bfloat16 the lanes
// already own what they need; float passes through `own`, 16 rows of shared memory.
template <int kColumns>
__device__ __forceinline__ HeldLeft<kColumns> hold_scores(const float (&s)[kColumns / 8][4],
                                                          Bf16*) {
  HeldLeft<kColumns> held;
#pragma unroll
  for (int j = 0; j < kColumns / 8; ++j) {
    held.words[j / 2][j % 2 * 2] = bf16_pair(s[j][0], s[j][1]);
    held.words[j / 2][j % 2 * 2 + 1] = bf16_pair(s[j][2], s[j][3]);
  }
  return held;
}
template <int kColumns>
__device__ __forceinline__ SharedLeft<float, kRowStride<float, kColumns>> hold_scores(
    const float (&s)[kColumns / 8][4], float* own) {
  constexpr int kStride = kRowStride<float, kColumns>;
  const int g = lane_id() / 4, t = lane_id() % 4;
  sync_warp();
#pragma unroll
  for (int j = 0; j < kColumns / 8; ++j) {
    store_pair(own + g * kStride + 8 * j + 2 * t, s[j][0], s[j][1]);
    store_pair(own + (g + 8) * kStride + 8 * j + 2 * t, s[j][2], s[j][3]);
  }
  sync_warp();
  return {own};
}

// sums [16, kColumns] += left [16, k] right, over k in [begin, end) widened to multiples of 16 and
// within [0, kInner). The right operand in shared memory is [kColumns, kInner] row by row, or with
// kAcross [kInner, kColumns]. sums[j] are, with g = lane / 4 and t = lane % 4, columns 8j + 2t and
// 8j + 2t + 1 of row g and then of row g + 8.
template <bool kAcross, int kColumns, int kInner, int kStride, typename Left>
__device__ __forceinline__ void multiply(float (&sums)[kColumns / 8][4], const Left& left,
                                         const Bf16* right, int begin = 0, int end = kInner) {
  const int lane = lane_id(), matrix = lane / 8;
  // The lane's row of the four matrices: (columns, k) 0-7 or 8-15 each, k varying first.
  const Bf16* lane_row = kAcross ? right + (matrix % 2 * 8 + lane % 8) * kStride + matrix / 2 * 8
                                 : right + (matrix / 2 * 8 + lane % 8) * kStride + matrix % 2 * 8;
#pragma unroll
  for (int step = 0; step < kInner / 16; ++step) {
    if (16 * step + 15 < begin || 16 * step >= end) continue;
    uint32_t a[4];
    left.fragment(step, a);
#pragma unroll
    for (int j = 0; j < kColumns / 16; ++j) {
      uint32_t b[4];
      load_matrices<kAcross>(
          b, lane_row + (kAcross ? 16 * step * kStride + 16 * j : 16 * j * kStride + 16 * step));
      mma_bf16(sums[2 * j], a, b);
      mma_bf16(sums[2 * j + 1], a, b + 2);
    }
  }
}
template <bool kAcross, int kColumns, int kInner, int kStride, typename Left>
__device__ __forceinline__ void multiply(float (&sums)[kColumns / 8][4], const Left& left,
                                         const float* right, int begin = 0, int end = kInner) {
  const int g = lane_id() / 4, t = lane_id() % 4;
  const int first = begin / 16 * 16, last = min((end + 15) / 16 * 16, kInner);
#pragma unroll 2
  for (int k = first; k < last; k += 4) {
    const Quad a0 = *reinterpret_cast<const Quad*>(left.row(g) + k);
    const Quad a1 = *reinterpret_cast<const Quad*>(left.row(g + 8) + k);
#pragma unroll
    for (int j = 0; j < kColumns / 8; ++j) {
      float b[4][2];  // [k][column]
      if constexpr (kAcross) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const Pair p = *reinterpret_cast<const Pair*>(right + (k + i) * kStride + 8 * j + 2 * t);
          b[i][0] = p.x[0];
          b[i][1] = p.x[1];
        }
      } else {
        const float* column = right + (8 * j + 2 * t) * kStride + k;
        const Quad b0 = *reinterpret_cast<const Quad*>(column);
        const Quad b1 = *reinterpret_cast<const Quad*>(column + kStride);
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          b[i][0] = b0.x[i];
          b[i][1] = b1.x[i];
        }
      }
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        sums[j][0] = fmaf(a0.x[i], b[i][0], sums[j][0]);
        sums[j][1] = fmaf(a0.x[i], b[i][1], sums[j][1]);
        sums[j][2] = fmaf(a1.x[i], b[i][0], sums[j][2]);
        sums[j][3] = fmaf(a1.x[i], b[i][1], sums[j][3]);
      }
    }
  }
}

}  // namespace rankscope::RANKSCOPE_CUDA
