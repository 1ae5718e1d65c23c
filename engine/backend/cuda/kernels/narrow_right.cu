// x times the narrow factor of a low-rank update.
#include "engine/backend/cuda/kernels/narrow.cuh"

namespace rankscope::RANKSCOPE_CUDA {

namespace {

constexpr int kThreads = kNarrowThreads;
// Rows of a block.
constexpr int kRightRows = 16;

struct RightPart {
  int64_t first_block;
  int64_t begin, end;
  Strided right;
  int64_t r;
  bool aligned;  // right's columns can be read as vectors
  float scale;
};

template <typename T>
struct RightArguments {
  const T* x;
  int64_t x_stride;
  int64_t k;
  bool aligned;
  float* out;
  int64_t out_stride;
  Parts<RightPart> parts;
};

// Elements [j, j + kChunk) of column c of `right`, zeros where there is none.
__device__ __forceinline__ void load_factors(const RightPart& p, int64_t c, int64_t j, int64_t k,
                                             float factors[kChunk]) {
  if (c >= p.r) {
#pragma unroll
    for (int e = 0; e < kChunk; ++e) factors[e] = 0.0f;
    return;
  }
  const float* column = p.right.data + c * p.right.col_stride + j * p.right.row_stride;
  if (p.right.row_stride == 1) return load(column, in_chunk(k - j), p.aligned, factors);
#pragma unroll
  for (int e = 0; e < kChunk; ++e) factors[e] = j + e < k ? column[e * p.right.row_stride] : 0.0f;
}

// fp32: a warp takes kRightRows / 4 rows, each lane kChunk neighbouring elements of every 256 of
// their depth, whichever way they are loaded.
template <int kRanks>
__global__ void __launch_bounds__(kThreads) narrow_right_floats(RightArguments<float> a) {
  constexpr int kRows = kRightRows / (kThreads / kWarp);
  const RightPart& p = a.parts.of(blockIdx.x);
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int64_t first = p.begin + (static_cast<int64_t>(blockIdx.x) - p.first_block) * kRightRows +
                        static_cast<int64_t>(threadIdx.x / kWarp) * kRows;
  for (int64_t c0 = 0; c0 < p.r; c0 += kRanks) {
    float sums[kRows][kRanks] = {};
    for (int64_t j = lane * kChunk; j < a.k; j += kWarp * kChunk) {
      float values[kRows][kChunk];
#pragma unroll
      for (int i = 0; i < kRows; ++i) {
        const int64_t row = first + i < p.end ? first + i : p.begin;
        load(a.x + row * a.x_stride + j, in_chunk(a.k - j), a.aligned, values[i]);
      }
#pragma unroll
      for (int c = 0; c < kRanks; ++c) {
        float factors[kChunk];
        load_factors(p, c0 + c, j, a.k, factors);
#pragma unroll
        for (int i = 0; i < kRows; ++i)
#pragma unroll
          for (int e = 0; e < kChunk; ++e) sums[i][c] = fmaf(values[i][e], factors[e], sums[i][c]);
      }
    }
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
#pragma unroll
      for (int c = 0; c < kRanks; ++c) {
        const float sum = warp_sum(sums[i][c]);
        if (lane == 0 && first + i < p.end && c0 + c < p.r)
          a.out[(first + i) * a.out_stride + c0 + c] = p.scale * sum;
      }
    }
  }
}

__device__ __forceinline__ uint32_t two_halves(float low, float high) {
  return static_cast<uint32_t>(from_float<Bf16>(low).bits) |
         static_cast<uint32_t>(from_float<Bf16>(high).bits) << 16;
}

// bf16: a block takes kRightRows rows, each of its warps every kRightWarps-th 32 of their depth. A
// lane holds 8 neighbouring elements of a row, which two mma steps take as their columns 2t, 2t+1,
// 2t+8 and 2t+9: the sum does not care which element stands where. Factors are multiplied as two
// bfloat16 numbers each, the second holding what the first rounded off, so that they count with
// some 16 bits.
constexpr int kRightWarps = 8;
__global__ void __launch_bounds__(kRightWarps* kWarp) narrow_right_halves(RightArguments<Bf16> a) {
  constexpr int kRanks = 8, kDepth = 32;
  __shared__ float sums[kRightWarps][kRightRows][kRanks];
  const RightPart& p = a.parts.of(blockIdx.x);
  const int warp = static_cast<int>(threadIdx.x) / kWarp,
            lane = static_cast<int>(threadIdx.x) % kWarp;
  const int g = lane / 4, t = lane % 4;
  const int64_t first = p.begin + (static_cast<int64_t>(blockIdx.x) - p.first_block) * kRightRows;
  const int64_t upper = first + g < p.end ? first + g : p.begin;
  const int64_t lower = first + g + 8 < p.end ? first + g + 8 : p.begin;
  for (int64_t c0 = 0; c0 < p.r; c0 += kRanks) {
    float c[4] = {};
    for (int64_t base = warp * kDepth; base < a.k; base += kRightWarps * kDepth) {
      const int64_t j = base + t * kChunk;
      float x[2][kChunk] = {}, factors[kChunk] = {}, rest[kChunk];
      if (j < a.k) {
        load(a.x + upper * a.x_stride + j, in_chunk(a.k - j), a.aligned, x[0]);
        load(a.x + lower * a.x_stride + j, in_chunk(a.k - j), a.aligned, x[1]);
        load_factors(p, c0 + g, j, a.k, factors);
      }
#pragma unroll
      for (int e = 0; e < kChunk; ++e)
        rest[e] = factors[e] - to_float(from_float<Bf16>(factors[e]));
#pragma unroll
      for (int half = 0; half < kChunk; half += 4) {
        const uint32_t left[4] = {
            two_halves(x[0][half], x[0][half + 1]), two_halves(x[1][half], x[1][half + 1]),
            two_halves(x[0][half + 2], x[0][half + 3]), two_halves(x[1][half + 2], x[1][half + 3])};
        const uint32_t right[2] = {two_halves(factors[half], factors[half + 1]),
                                   two_halves(factors[half + 2], factors[half + 3])};
        const uint32_t remainder[2] = {two_halves(rest[half], rest[half + 1]),
                                       two_halves(rest[half + 2], rest[half + 3])};
        mma_bf16(c, left, right);
        mma_bf16(c, left, remainder);
      }
    }
    sums[warp][g][2 * t] = c[0];
    sums[warp][g][2 * t + 1] = c[1];
    sums[warp][g + 8][2 * t] = c[2];
    sums[warp][g + 8][2 * t + 1] = c[3];
    sync_threads();
    if (threadIdx.x < kRightRows * kRanks) {
      const int row = static_cast<int>(threadIdx.x) / kRanks;
      const int rank = static_cast<int>(threadIdx.x) % kRanks;
      float sum = 0.0f;
#pragma unroll
      for (int w = 0; w < kRightWarps; ++w) sum += sums[w][row][rank];
      if (first + row < p.end && c0 + rank < p.r)
        a.out[(first + row) * a.out_stride + c0 + rank] = p.scale * sum;
    }
    sync_threads();
  }
}

template <typename T>
void narrow_right_of(Stream stream, ConstMatrix x, std::span<const NarrowRight> parts, Matrix out) {
  const auto* data = reinterpret_cast<const T*>(x.data);
  RightArguments<T> a{data, x.stride, x.cols, is_wide(x), out.data, out.stride, {}};
  int64_t blocks = 0, most = 0;
  for (const NarrowRight& part : parts) {
    const Strided right = strided(part.right);
    a.parts.part[a.parts.count++] = {
        blocks,    part.begin,      part.end,
        right,     part.right.cols, is_wide(right.data, right.col_stride, sizeof(float)),
        part.scale};
    blocks += ceil_div(part.end - part.begin, kRightRows);
    most = part.right.cols > most ? part.right.cols : most;
  }
  const dim3 grid(static_cast<unsigned>(blocks));
  if constexpr (sizeof(T) == 2) {
    launch(narrow_right_halves, grid, kRightWarps * kWarp, 0, stream, a);
  } else {
    switch (ranks_at_once(most)) {
      case 4:
        return launch(narrow_right_floats<4>, grid, kThreads, 0, stream, a);
      case 8:
        return launch(narrow_right_floats<8>, grid, kThreads, 0, stream, a);
      default:
        return launch(narrow_right_floats<16>, grid, kThreads, 0, stream, a);
    }
  }
}

}  // namespace

void narrow_right(Stream stream, ConstMatrix x, std::span<const NarrowRight> parts, Matrix out) {
  in_launches(parts, [&](std::span<const NarrowRight> some) {
    if (x.dtype == DType::kF32)
      narrow_right_of<float>(stream, x, some, out);
    else
      narrow_right_of<Bf16>(stream, x, some, out);
  });
}

}  // namespace rankscope::RANKSCOPE_CUDA
