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

// Eight neighbouring elements, two a word; zeros behind the first n.
__device__ __forceinline__ void load_words(const Bf16* from, int n, bool wide, uint32_t words[4]) {
  if (wide && n == kChunk) {
    const uint4 all = *reinterpret_cast<const uint4*>(from);
    words[0] = all.x;
    words[1] = all.y;
    words[2] = all.z;
    words[3] = all.w;
    return;
  }
#pragma unroll
  for (int i = 0; i < 4; ++i)
    words[i] = (2 * i < n ? from[2 * i].bits : 0u) |
               (2 * i + 1 < n ? static_cast<uint32_t>(from[2 * i + 1].bits) << 16 : 0u);
}

// c += x factors, x holding 8 elements of the upper and of the lower row. Factors are multiplied as
// two bfloat16 numbers each, the second holding what the first rounded off, so that they count with
// some 16 bits.
__device__ __forceinline__ void multiply_halves(float c[4], const uint32_t (&x)[2][4],
                                                const float (&factors)[kChunk]) {
  uint32_t whole[kChunk / 2], rest[kChunk / 2];
#pragma unroll
  for (int i = 0; i < kChunk / 2; ++i) {
    const float low = factors[2 * i], high = factors[2 * i + 1];
    whole[i] = two_halves(low, high);
    rest[i] =
        two_halves(low - to_float(from_float<Bf16>(low)), high - to_float(from_float<Bf16>(high)));
  }
#pragma unroll
  for (int i = 0; i < kChunk / 2; i += 2) {
    const uint32_t left[4] = {x[0][i], x[1][i], x[0][i + 1], x[1][i + 1]};
    mma_bf16(c, left, whole + i);
    mma_bf16(c, left, rest + i);
  }
}

// bf16: a block takes kRightRows rows, each of its warps every kRightWarps-th 32 of their depth,
// kAhead of which are under way at a time. A lane holds 8 neighbouring elements of a row, which two
// mma steps take as their columns 2t, 2t+1, 2t+8 and 2t+9: the sum does not care which element
// stands where.
constexpr int kRightWarps = 8;
__global__ void __launch_bounds__(kRightWarps* kWarp) narrow_right_halves(RightArguments<Bf16> a) {
  constexpr int kRanks = 8, kDepth = 32, kAhead = 4;
  constexpr int64_t kStep = kRightWarps * kDepth;
  __shared__ float sums[kRightWarps][kRightRows][kRanks];
  const RightPart& p = a.parts.of(blockIdx.x);
  const int warp = static_cast<int>(threadIdx.x) / kWarp,
            lane = static_cast<int>(threadIdx.x) % kWarp;
  const int g = lane / 4, t = lane % 4;
  const int64_t first = p.begin + (static_cast<int64_t>(blockIdx.x) - p.first_block) * kRightRows;
  const int64_t own_rows[2] = {first + g < p.end ? first + g : p.begin,
                               first + g + 8 < p.end ? first + g + 8 : p.begin};
  for (int64_t c0 = 0; c0 < p.r; c0 += kRanks) {
    float c[4] = {};
    int64_t base = warp * kDepth;
    // No branch stands between these loads. Lanes of no rank read the first one's factors.
    const bool ranked = c0 + g < p.r;
    const float* column = p.right.data + (ranked ? c0 + g : c0) * p.right.col_stride;
    for (; a.aligned && base + (kAhead - 1) * kStep + kDepth <= a.k; base += kAhead * kStep) {
      uint32_t x[kAhead][2][4];
      float factors[kAhead][kChunk];
#pragma unroll
      for (int i = 0; i < kAhead; ++i)
        for (int side = 0; side < 2; ++side)
          load_words(a.x + own_rows[side] * a.x_stride + base + i * kStep + t * kChunk, kChunk,
                     true, x[i][side]);
      const float* from = column + (base + t * kChunk) * p.right.row_stride;
      if (p.aligned && p.right.row_stride == 1) {
#pragma unroll
        for (int i = 0; i < kAhead; ++i) load(from + i * kStep, kChunk, true, factors[i]);
      } else {
#pragma unroll
        for (int i = 0; i < kAhead; ++i)
#pragma unroll
          for (int e = 0; e < kChunk; ++e)
            factors[i][e] = from[(i * kStep + e) * p.right.row_stride];
      }
#pragma unroll
      for (int i = 0; i < kAhead; ++i) {
#pragma unroll
        for (int e = 0; e < kChunk; ++e) factors[i][e] = ranked ? factors[i][e] : 0.0f;
        multiply_halves(c, x[i], factors[i]);
      }
    }
    for (; base < a.k; base += kStep) {
      const int64_t j = base + t * kChunk;
      uint32_t x[2][4] = {};
      float factors[kChunk] = {};
      if (j < a.k) {
        for (int side = 0; side < 2; ++side)
          load_words(a.x + own_rows[side] * a.x_stride + j, in_chunk(a.k - j), a.aligned, x[side]);
        load_factors(p, c0 + g, j, a.k, factors);
      }
      multiply_halves(c, x, factors);
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
