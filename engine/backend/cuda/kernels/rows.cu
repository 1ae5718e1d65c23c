// Rows by their numbers, and the sum of rows. A thread has eight neighbouring elements of a row, in
// loads of 16 bytes where addresses and strides allow it; an address changes no bit.
#include "engine/backend/cuda/kernels.h"
#include "engine/backend/cuda/kernels/chunk.cuh"

namespace rankscope::RANKSCOPE_CUDA {

namespace {

constexpr int kThreads = 256;

__device__ __forceinline__ ChunkPlace place_of_thread(int64_t cols) {
  return chunk_place(int64_t{blockIdx.x} * kThreads + threadIdx.x, cols);
}

// Row i of `count` goes to row places[i] of out, or to row i where `places` is null.
template <typename From, typename T>
__global__ void gather_rows(WeightView table, const int32_t* ids, const int32_t* places,
                            int64_t count, bool accumulate, Matrix out, bool wide) {
  const ChunkPlace p = place_of_thread(out.cols);
  if (p.row >= count) return;
  const int64_t place = places ? places[p.row] : p.row;
  const From* from = static_cast<const From*>(table.data) + ids[p.row] * table.row_stride +
                     p.col * table.col_stride;
  T* to = reinterpret_cast<T*>(out.data) + place * out.stride + p.col;
  float value[kChunk], before[kChunk];
  if (table.col_stride == 1)
    load(from, p.n, wide, value);
  else
    for (int i = 0; i < kChunk; ++i)
      value[i] = i < p.n ? to_float(from[i * table.col_stride]) : 0.0f;
  if (accumulate) {
    load(to, p.n, wide, before);
    for (int i = 0; i < kChunk; ++i) value[i] += before[i];
  }
  store(value, p.n, wide, to);
}

// A thread adds up all rows of one id: in fp32, so that a BF16 table rounds once.
template <typename T, typename Table>
__global__ void scatter_groups(ConstMatrix rows, const int32_t* ids, const int32_t* order,
                               const int32_t* begin, int64_t groups, Matrix table, bool wide) {
  const ChunkPlace p = place_of_thread(rows.cols);
  if (p.row >= groups) return;
  const int32_t first = begin[p.row], last = begin[p.row + 1];
  if (first == last) return;
  Table* to = reinterpret_cast<Table*>(table.data) + ids[order[first]] * table.stride + p.col;
  const T* from = reinterpret_cast<const T*>(rows.data) + p.col;
  float total[kChunk];
  load(to, p.n, wide, total);
#pragma unroll 4
  for (int32_t i = first; i < last; ++i) {
    float value[kChunk];
    load(from + order[i] * rows.stride, p.n, wide, value);
    for (int j = 0; j < kChunk; ++j) total[j] += value[j];
  }
  store(total, p.n, wide, to);
}

template <typename T>
__global__ void copy(const int32_t* from, const int32_t* to, int64_t count, Matrix x, bool wide) {
  const ChunkPlace p = place_of_thread(x.cols);
  if (p.row >= count) return;
  T* data = reinterpret_cast<T*>(x.data) + p.col;
  const T* source = data + from[p.row] * x.stride;
  T* target = data + to[p.row] * x.stride;
  if (wide && p.n == kChunk) {
    for (size_t i = 0; i < sizeof(Chunk<T>) / 16; ++i)
      __stwb(reinterpret_cast<uint4*>(target) + i, reinterpret_cast<const uint4*>(source)[i]);
  } else {
    for (int i = 0; i < p.n; ++i) target[i] = source[i];
  }
}

// Sums of rows: a block adds up `block_rows` rows of 256 columns. Its warps have equal shares of
// the rows, in order, each lane a chunk of columns; then the warps' sums are added in order.
constexpr int64_t kTile = kWarp * kChunk;
// Up to this number of rows one block adds them all, beyond it blocks of kRowBlock rows do and
// then one adds up their sums.
constexpr int64_t kOneBlock = 512;
constexpr int64_t kRowBlock = 64;
constexpr int kRowBlockThreads = 256;
constexpr int kOneBlockThreads = 1024;

template <typename T>
__global__ void __launch_bounds__(kOneBlockThreads)
    sum_rows(ConstMatrix x, int64_t block_rows, bool accumulate, float* out, bool wide) {
  float* shared = dynamic_shared<float>();
  const int warps = blockDim.x / kWarp, warp = threadIdx.x / kWarp;
  const int place = threadIdx.x % kWarp * kChunk;
  const int64_t tiles = (x.cols + kTile - 1) / kTile, block = blockIdx.x / tiles;
  const int64_t first = blockIdx.x % tiles * kTile, c = first + place;
  float total[kChunk] = {};
  if (c < x.cols) {
    const int n = in_chunk(x.cols - c);
    const int64_t share = (block_rows + warps - 1) / warps;
    const int64_t block_end = min((block + 1) * block_rows, x.rows);
    const int64_t begin = block * block_rows + warp * share, end = min(begin + share, block_end);
    const T* from = reinterpret_cast<const T*>(x.data) + c;
#pragma unroll 4
    for (int64_t row = begin; row < end; ++row) {
      float value[kChunk];
      load(from + row * x.stride, n, wide, value);
      for (int i = 0; i < kChunk; ++i) total[i] += value[i];
    }
  }
  for (int i = 0; i < kChunk; ++i) shared[warp * kTile + place + i] = total[i];
  sync_threads();
  const int64_t column = first + threadIdx.x;
  if (threadIdx.x >= kTile || column >= x.cols) return;
  float sum = 0.0f;
  for (int w = 0; w < warps; ++w) sum += shared[w * kTile + threadIdx.x];
  float* to = out + block * x.cols + column;
  *to = accumulate ? *to + sum : sum;
}

// One thread for each chunk of `rows` rows.
dim3 grid_of(int64_t rows, int64_t cols) {
  return dim3(static_cast<unsigned>(ceil_div(rows * ceil_div(cols, kChunk), kThreads)));
}

void sum_blocks(Stream stream, ConstMatrix x, int64_t block_rows, int threads, bool accumulate,
                float* out) {
  const int64_t blocks = ceil_div(x.rows, block_rows) * ceil_div(x.cols, kTile);
  launch(x.dtype == DType::kF32 ? sum_rows<float> : sum_rows<Bf16>,
         dim3(static_cast<unsigned>(blocks)), threads,
         static_cast<size_t>(threads / kWarp * kTile) * sizeof(float), stream, x, block_rows,
         accumulate, out, is_wide(x));
}

template <typename From>
auto* gather_from(DType out) {
  return out == DType::kF32 ? gather_rows<From, float> : gather_rows<From, Bf16>;
}

}  // namespace

namespace {

void gather_to(Stream stream, const WeightView& table, const int32_t* ids, const int32_t* places,
               int64_t count, bool accumulate, Matrix out) {
  auto* kernel = table.dtype == DType::kF32   ? gather_from<float>(out.dtype)
                 : table.dtype == DType::kF16 ? gather_from<HalfBits>(out.dtype)
                                              : gather_from<Bf16>(out.dtype);
  launch(kernel, grid_of(count, out.cols), kThreads, 0, stream, table, ids, places, count,
         accumulate, out,
         is_wide(table.data, table.row_stride, dtype_size(table.dtype)) && is_wide(out));
}

}  // namespace

void gather(Stream stream, const WeightView& table, const int32_t* ids, bool accumulate,
            Matrix out) {
  gather_to(stream, table, ids, nullptr, out.rows, accumulate, out);
}

void replace_rows(Stream stream, const WeightView& table, const int32_t* ids, const int32_t* rows,
                  int64_t count, Matrix x) {
  gather_to(stream, table, ids, rows, count, false, x);
}

void scatter_add(Stream stream, ConstMatrix rows, const int32_t* ids, const int32_t* order,
                 const int32_t* begin, int64_t groups, Matrix table) {
  const bool wide = table.dtype == DType::kF32;
  auto* kernel = rows.dtype == DType::kF32
                     ? (wide ? scatter_groups<float, float> : scatter_groups<float, Bf16>)
                     : (wide ? scatter_groups<Bf16, float> : scatter_groups<Bf16, Bf16>);
  launch(kernel, grid_of(groups, rows.cols), kThreads, 0, stream, rows, ids, order, begin, groups,
         table, is_wide(rows) && is_wide(table));
}

int64_t column_sum_scratch_floats(int64_t rows, int64_t cols) {
  return rows <= kOneBlock ? 0 : ceil_div(rows, kRowBlock) * cols;
}

void column_sum(Stream stream, ConstMatrix x, float* out, float* scratch) {
  if (x.rows <= kOneBlock) {
    if (x.rows > 0) sum_blocks(stream, x, x.rows, kOneBlockThreads, true, out);
    return;
  }
  const int64_t blocks = ceil_div(x.rows, kRowBlock);
  sum_blocks(stream, x, kRowBlock, kRowBlockThreads, false, scratch);
  sum_blocks(stream, {scratch, blocks, x.cols, x.cols}, blocks, kOneBlockThreads, true, out);
}

void copy_rows(Stream stream, const int32_t* from, const int32_t* to, int64_t count, Matrix x) {
  launch(x.dtype == DType::kF32 ? copy<float> : copy<Bf16>, grid_of(count, x.cols), kThreads, 0,
         stream, from, to, count, x, is_wide(x));
}

}  // namespace rankscope::RANKSCOPE_CUDA
