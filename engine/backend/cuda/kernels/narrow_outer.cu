// Gradients of low-rank factors: sums over rows, in two stages, a chunk of rows into its partial
// sums and these, in order, onto the gradient.
#include "engine/backend/cuda/kernels/narrow.cuh"

namespace rankscope::RANKSCOPE_CUDA {

namespace {

constexpr int kThreads = kNarrowThreads;
// Rows of a partial sum. Its rows i, i + kRowGroups, ... are added first, then these sums in order.
constexpr int kChunkRows = 64;
// A block's columns, a chunk of them a lane of a row group.
constexpr int kLanes = 16;
constexpr int kColumns = kLanes * kChunk;
constexpr int kRowGroups = kThreads / kLanes;
static_assert(kColumns == kThreads && kChunkRows % kRowGroups == 0);
// The partial sums of an element are added by as many threads, every kSlices-th each.
constexpr int kSlices = 4;
constexpr int kSumColumns = kThreads / kSlices;

template <typename N, typename W>
struct OuterPart {
  int64_t first_block;
  const N* narrow;
  const W* wide;
  int64_t narrow_stride, wide_stride, wide_cols;
  float* partial;  // [chunk][narrow][wide]
  int rows, r;
  unsigned column_blocks;
  bool aligned;
};
struct SumPart {
  int64_t first_block;
  const float* partial;
  float* out;
  int64_t narrow_step, wide_step, wide_cols;
  int chunks, r;
};

// A chunk of rows into its partial sums. All of a thread's rows are under way at once.
template <typename N, typename W, int kRanks>
__global__ void __launch_bounds__(kThreads) outer_kernel(Parts<OuterPart<N, W>> parts) {
  constexpr int kRows = kChunkRows / kRowGroups;
  __shared__ float held[kChunkRows][kRanks];
  __shared__ float group_sums[kRowGroups][kRanks][kColumns];
  const OuterPart<N, W>& p = parts.of(blockIdx.x);
  const auto block = static_cast<unsigned>(static_cast<int64_t>(blockIdx.x) - p.first_block);
  const int64_t chunk = block / p.column_blocks;
  const int64_t first_column = static_cast<int64_t>(block % p.column_blocks) * kColumns;
  const int rows = min(p.rows - static_cast<int>(chunk) * kChunkRows, kChunkRows);
  const N* narrow = p.narrow + chunk * kChunkRows * p.narrow_stride;
  const int thread = static_cast<int>(threadIdx.x);
  const int group = thread / kLanes, lane_column = thread % kLanes * kChunk;
  const int64_t column = first_column + lane_column;
  const W* wide = p.wide + chunk * kChunkRows * p.wide_stride + column;
  const int count = column < p.wide_cols ? in_chunk(p.wide_cols - column) : 0;

  // Behind the last row is that row again, times a factor of zero: a branch around a load would
  // keep the loads behind it waiting.
  float values[kRows][kChunk];
  const auto load_rows = [&](bool whole) {
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      const int row = min(group + i * kRowGroups, rows - 1);
      load(wide + row * p.wide_stride, whole ? kChunk : count, whole, values[i]);
    }
  };
  if (p.aligned && count == kChunk)
    load_rows(true);
  else
    load_rows(false);
  for (int c0 = 0; c0 < p.r; c0 += kRanks) {
    for (int i = thread; i < kChunkRows * kRanks; i += kThreads) {
      const int row = i / kRanks, c = i % kRanks;
      held[row][c] =
          row < rows && c0 + c < p.r ? to_float(narrow[row * p.narrow_stride + c0 + c]) : 0.0f;
    }
    sync_threads();
    float sums[kRanks][kChunk] = {};
#pragma unroll
    for (int i = 0; i < kRows; ++i)
#pragma unroll
      for (int c = 0; c < kRanks; ++c) {
        const float factor = held[group + i * kRowGroups][c];
#pragma unroll
        for (int e = 0; e < kChunk; ++e) sums[c][e] = fmaf(factor, values[i][e], sums[c][e]);
      }
#pragma unroll
    for (int c = 0; c < kRanks; ++c)
#pragma unroll
      for (int e = 0; e < kChunk; ++e) group_sums[group][c][lane_column + e] = sums[c][e];
    sync_threads();
    for (int c = 0; c < kRanks && c0 + c < p.r; ++c) {
      if (first_column + thread >= p.wide_cols) continue;
      float sum = 0.0f;
#pragma unroll
      for (int g = 0; g < kRowGroups; ++g) sum += group_sums[g][c][thread];
      p.partial[(chunk * p.r + c0 + c) * p.wide_cols + first_column + thread] = sum;
    }
    // The next ranks' factors and sums come where these are read.
    sync_threads();
  }
}

// out (i, j) += the partial sums, those of each slice in the order of the chunks, then the slices'.
__global__ void __launch_bounds__(kThreads) outer_sum_kernel(Parts<SumPart> parts) {
  __shared__ float slice_sums[kSlices][kSumColumns];
  const SumPart& p = parts.of(blockIdx.x);
  const int lane = static_cast<int>(threadIdx.x) % kSumColumns;
  const int slice = static_cast<int>(threadIdx.x) / kSumColumns;
  const int64_t i = (static_cast<int64_t>(blockIdx.x) - p.first_block) * kSumColumns + lane;
  const int64_t total = p.r * p.wide_cols;
  constexpr int kAhead = 8;
  float sum = 0.0f;
  for (int64_t chunk = slice; chunk < p.chunks; chunk += kAhead * kSlices) {
    float values[kAhead];
#pragma unroll
    for (int c = 0; c < kAhead; ++c)
      values[c] = chunk + c * kSlices < p.chunks && i < total
                      ? p.partial[(chunk + c * kSlices) * total + i]
                      : 0.0f;
#pragma unroll
    for (int c = 0; c < kAhead; ++c) sum += values[c];
  }
  slice_sums[slice][lane] = sum;
  sync_threads();
  if (slice != 0 || i >= total) return;
#pragma unroll
  for (int s = 1; s < kSlices; ++s) sum += slice_sums[s][lane];
  const int64_t row = i / p.wide_cols;
  p.out[row * p.narrow_step + (i - row * p.wide_cols) * p.wide_step] += sum;
}

int64_t chunks_of(const NarrowOuter& part) { return ceil_div(part.narrow.rows, kChunkRows); }

// Parts of these types.
template <typename N, typename W>
void narrow_outer_of(Stream stream, std::span<const NarrowOuter> parts, float* scratch) {
  Parts<OuterPart<N, W>> outers{};
  Parts<SumPart> sums{};
  int64_t blocks = 0, sum_blocks = 0, most = 0;
  for (const NarrowOuter& part : parts) {
    const ConstMatrix narrow = part.narrow, wide = part.wide;
    const int64_t chunks = chunks_of(part), column_blocks = ceil_div(wide.cols, kColumns);
    outers.part[outers.count++] = {blocks,
                                   reinterpret_cast<const N*>(narrow.data),
                                   reinterpret_cast<const W*>(wide.data),
                                   narrow.stride,
                                   wide.stride,
                                   wide.cols,
                                   scratch,
                                   static_cast<int>(narrow.rows),
                                   static_cast<int>(narrow.cols),
                                   static_cast<unsigned>(column_blocks),
                                   is_wide(wide)};
    sums.part[sums.count++] = {sum_blocks,
                               scratch,
                               part.out,
                               part.narrow_step,
                               part.wide_step,
                               wide.cols,
                               static_cast<int>(chunks),
                               static_cast<int>(narrow.cols)};
    blocks += chunks * column_blocks;
    sum_blocks += ceil_div(narrow.cols * wide.cols, kSumColumns);
    scratch += chunks * narrow.cols * wide.cols;
    most = narrow.cols > most ? narrow.cols : most;
  }
  launch(most <= 4 ? outer_kernel<N, W, 4> : outer_kernel<N, W, 8>,
         dim3(static_cast<unsigned>(blocks)), kThreads, 0, stream, outers);
  launch(outer_sum_kernel, dim3(static_cast<unsigned>(sum_blocks)), kThreads, 0, stream, sums);
}

}  // namespace

int64_t narrow_outer_scratch_floats(std::span<const NarrowOuter> parts) {
  int64_t floats = 0;
  for (const NarrowOuter& part : parts)
    floats += chunks_of(part) * part.narrow.cols * part.wide.cols;
  return floats;
}

void narrow_outer(Stream stream, std::span<const NarrowOuter> parts, float* scratch) {
  while (!parts.empty()) {
    const DType narrow = parts[0].narrow.dtype, wide = parts[0].wide.dtype;
    size_t count = 1;
    while (count < parts.size() && count < kMostParts && parts[count].narrow.dtype == narrow &&
           parts[count].wide.dtype == wide)
      ++count;
    const std::span<const NarrowOuter> some = parts.first(count);
    const auto run = [&](auto function) { function(stream, some, scratch); };
    if (narrow == DType::kF32 && wide == DType::kF32)
      run(narrow_outer_of<float, float>);
    else if (narrow == DType::kF32)
      run(narrow_outer_of<float, Bf16>);
    else if (wide == DType::kF32)
      run(narrow_outer_of<Bf16, float>);
    else
      run(narrow_outer_of<Bf16, Bf16>);
    scratch += narrow_outer_scratch_floats(some);
    parts = parts.subspan(count);
  }
}

}  // namespace rankscope::RANKSCOPE_CUDA
