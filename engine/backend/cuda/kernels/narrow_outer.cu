// Gradients of low-rank factors: sums over rows, in two stages, a chunk of rows into its partial
// sums and these, in order, onto the gradient.
#include "engine/backend/cuda/kernels/narrow.cuh"

namespace rankscope::RANKSCOPE_CUDA {

namespace {

constexpr int kThreads = kNarrowThreads;

// Rows of a partial sum: part of the arithmetic, so that it depends on r alone. Few, for many
// blocks (with 64 rows in each, a step of GPT-2-medium's shape took a quarter longer on an H100);
// more where the partial sums themselves would be most of what is moved.
int64_t chunk_rows(int64_t r) { return r <= 16 ? 16 : 64; }

struct OuterPart {
  int64_t first_block;
  int64_t begin, end;
  int64_t r;
  int64_t chunk_rows;
  int64_t chunks;
  float* partial;  // [chunk][narrow][wide]
  float* out;
  int64_t narrow_step, wide_step;
};

template <typename N, typename W>
struct OuterArguments {
  const N* narrow;
  int64_t narrow_stride;
  const W* wide;
  int64_t wide_stride;
  bool paired;
  int64_t wide_cols;
  int64_t column_blocks;
  Parts<OuterPart> parts;
};

// A chunk of rows into its partial sums. A thread owns two columns of the wide operand and has the
// values of several rows under way at a time.
template <typename N, typename W>
__global__ void __launch_bounds__(kThreads) outer_kernel(OuterArguments<N, W> a) {
  constexpr int kRanks = 8, kAhead = 16;
  __shared__ float held[kAhead][kRanks];
  const OuterPart& p = a.parts.of(blockIdx.x);
  const int64_t block = static_cast<int64_t>(blockIdx.x) - p.first_block;
  const int64_t column = (block % a.column_blocks * kThreads + threadIdx.x) * 2;
  const int64_t chunk = block / a.column_blocks;
  const int64_t first = p.begin + chunk * p.chunk_rows;
  const int64_t end = first + p.chunk_rows < p.end ? first + p.chunk_rows : p.end;
  const int count = a.wide_cols - column >= 2 ? 2 : 1;
  for (int64_t c0 = 0; c0 < p.r; c0 += kRanks) {
    float sums[kRanks][2] = {};
    for (int64_t base = first; base < end; base += kAhead) {
      sync_threads();
      for (int i = static_cast<int>(threadIdx.x); i < kAhead * kRanks; i += kThreads) {
        const int row = i / kRanks, c = i % kRanks;
        held[row][c] = base + row < end && c0 + c < p.r
                           ? to_float(a.narrow[(base + row) * a.narrow_stride + c0 + c])
                           : 0.0f;
      }
      float values[kAhead][2];
      if (column < a.wide_cols) {
#pragma unroll
        for (int i = 0; i < kAhead; ++i) {
          const int64_t row = base + i < end ? base + i : end - 1;
          load_pair(a.wide + row * a.wide_stride + column, count, a.paired, values[i]);
        }
      }
      sync_threads();
      if (column >= a.wide_cols) continue;
#pragma unroll
      for (int i = 0; i < kAhead; ++i) {
        if (base + i >= end) continue;
#pragma unroll
        for (int c = 0; c < kRanks; ++c) {
          sums[c][0] = fmaf(held[i][c], values[i][0], sums[c][0]);
          sums[c][1] = fmaf(held[i][c], values[i][1], sums[c][1]);
        }
      }
    }
    if (column >= a.wide_cols) continue;
#pragma unroll
    for (int c = 0; c < kRanks; ++c) {
      if (c0 + c >= p.r) continue;
      float* to = p.partial + (chunk * p.r + c0 + c) * a.wide_cols + column;
      to[0] = sums[c][0];
      if (count == 2) to[1] = sums[c][1];
    }
  }
}

// out (i, j) += the partial sums in the order of the chunks. Here a part's blocks are those of its
// sums.
__global__ void __launch_bounds__(kThreads)
    outer_sum_kernel(int64_t wide_cols, Parts<OuterPart> parts) {
  const OuterPart& p = parts.of(blockIdx.x);
  const int64_t i = (static_cast<int64_t>(blockIdx.x) - p.first_block) * kThreads + threadIdx.x;
  const int64_t total = p.r * wide_cols;
  if (i >= total) return;
  constexpr int kAhead = 8;
  float sum = 0.0f;
  for (int64_t chunk = 0; chunk < p.chunks; chunk += kAhead) {
    float values[kAhead];
#pragma unroll
    for (int c = 0; c < kAhead; ++c)
      values[c] = chunk + c < p.chunks ? p.partial[(chunk + c) * total + i] : 0.0f;
#pragma unroll
    for (int c = 0; c < kAhead; ++c)
      if (chunk + c < p.chunks) sum += values[c];
  }
  p.out[i / wide_cols * p.narrow_step + i % wide_cols * p.wide_step] += sum;
}

template <typename N, typename W>
void narrow_outer_of(Stream stream, ConstMatrix narrow, ConstMatrix wide,
                     std::span<const NarrowOuter> parts, float* scratch) {
  OuterArguments<N, W> a{reinterpret_cast<const N*>(narrow.data),     narrow.stride,
                         reinterpret_cast<const W*>(wide.data),       wide.stride,
                         in_pairs(wide.data, wide.stride, sizeof(W)), wide.cols,
                         ceil_div(wide.cols, 2 * kThreads),           {}};
  Parts<OuterPart> sums{};
  int64_t blocks = 0, sum_blocks = 0;
  for (const NarrowOuter& part : parts) {
    const int64_t height = chunk_rows(part.r);
    const int64_t chunks = ceil_div(part.end - part.begin, height);
    const OuterPart p{blocks, part.begin, part.end, part.r,           height,
                      chunks, scratch,    part.out, part.narrow_step, part.wide_step};
    a.parts.part[a.parts.count++] = p;
    sums.part[sums.count] = p;
    sums.part[sums.count++].first_block = sum_blocks;
    blocks += chunks * a.column_blocks;
    sum_blocks += ceil_div(part.r * wide.cols, kThreads);
    scratch += chunks * part.r * wide.cols;
  }
  launch(outer_kernel<N, W>, dim3(static_cast<unsigned>(blocks)), kThreads, 0, stream, a);
  launch(outer_sum_kernel, dim3(static_cast<unsigned>(sum_blocks)), kThreads, 0, stream, wide.cols,
         sums);
}

}  // namespace

int64_t narrow_outer_scratch_floats(std::span<const NarrowOuter> parts, int64_t wide_cols) {
  int64_t floats = 0;
  for (const NarrowOuter& part : parts)
    floats += ceil_div(part.end - part.begin, chunk_rows(part.r)) * part.r * wide_cols;
  return floats;
}

void narrow_outer(Stream stream, ConstMatrix narrow, ConstMatrix wide,
                  std::span<const NarrowOuter> parts, float* scratch) {
  const bool narrow_float = narrow.dtype == DType::kF32, wide_float = wide.dtype == DType::kF32;
  in_launches(parts, [&](std::span<const NarrowOuter> some) {
    const auto run = [&](auto function) { function(stream, narrow, wide, some, scratch); };
    if (narrow_float && wide_float)
      run(narrow_outer_of<float, float>);
    else if (narrow_float)
      run(narrow_outer_of<float, Bf16>);
    else if (wide_float)
      run(narrow_outer_of<Bf16, float>);
    else
      run(narrow_outer_of<Bf16, Bf16>);
    scratch += narrow_outer_scratch_floats(some, wide.cols);
  });
}

}  // namespace rankscope::RANKSCOPE_CUDA
