// The small products of low-rank updates: with r columns they move memory and hardly compute, so
// they take fp32 factors as they are and read each activation once.
#include "engine/backend/cuda/kernels.h"

namespace rankscope::RANKSCOPE_CUDA {

namespace {

constexpr int kWarpsPerBlock = 4;
constexpr int kRowsPerWarp = 2;
constexpr int kThreads = 128;
// Rows that a block of start_product and a partial sum of narrow_outer cover. The latter is part of
// the arithmetic.
constexpr int kRowsPerTile = 8;
constexpr int64_t kChunkRows = 64;

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Ranks in registers at a time.
int ranks_at_once(int64_t r) { return r <= 4 ? 4 : r <= 8 ? 8 : 16; }

struct Strided {
  const float* data;
  int64_t row_stride;
  int64_t col_stride;
};

Strided strided(const WeightView& view) {
  return {static_cast<const float*>(view.data), view.row_stride, view.col_stride};
}

// A warp takes kRowsPerWarp rows, each lane two neighbouring elements of every 64 of their depth.
template <typename T, int kRanks>
__global__ void __launch_bounds__(kThreads)
    narrow_right_kernel(const T* x, int64_t x_stride, int64_t rows, int64_t k, Strided right,
                        int64_t r, float scale, float* out, int64_t out_stride) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int64_t warp = static_cast<int64_t>(blockIdx.x) * kWarpsPerBlock + threadIdx.x / kWarp;
  const int64_t first = warp * kRowsPerWarp;
  for (int64_t c0 = 0; c0 < r; c0 += kRanks) {
    float sums[kRowsPerWarp][kRanks] = {};
    for (int64_t base = 0; base < k; base += 2 * kWarp) {
      for (int e = 0; e < 2; ++e) {
        const int64_t j = base + 2 * lane + e;
        if (j >= k) continue;
        float factors[kRanks];
#pragma unroll
        for (int c = 0; c < kRanks; ++c)
          factors[c] = c0 + c < r
                           ? right.data[j * right.row_stride + (c0 + c) * right.col_stride]
                           : 0.0f;
#pragma unroll
        for (int i = 0; i < kRowsPerWarp; ++i) {
          if (first + i >= rows) continue;
          const float value = to_float(x[(first + i) * x_stride + j]);
#pragma unroll
          for (int c = 0; c < kRanks; ++c) sums[i][c] = fmaf(value, factors[c], sums[i][c]);
        }
      }
    }
#pragma unroll
    for (int i = 0; i < kRowsPerWarp; ++i) {
#pragma unroll
      for (int c = 0; c < kRanks; ++c) {
        const float sum = warp_sum(sums[i][c]);
        if (lane == 0 && first + i < rows && c0 + c < r)
          out[(first + i) * out_stride + c0 + c] = scale * sum;
      }
    }
  }
}

template <typename T>
void narrow_right_of(Stream stream, ConstMatrix x, const WeightView& right, float scale,
                     Matrix out) {
  const dim3 grid(static_cast<unsigned>(ceil_div(x.rows, kWarpsPerBlock * kRowsPerWarp)));
  const auto run = [&](auto kernel) {
    launch(kernel, grid, kThreads, 0, stream, reinterpret_cast<const T*>(x.data), x.stride, x.rows,
           x.cols, strided(right), right.cols, scale, out.data, out.stride);
  };
  switch (ranks_at_once(right.cols)) {
    case 4:
      return run(narrow_right_kernel<T, 4>);
    case 8:
      return run(narrow_right_kernel<T, 8>);
    default:
      return run(narrow_right_kernel<T, 16>);
  }
}

struct StartTerm {
  const float* left;
  int64_t left_stride;
  int64_t r;
  Strided right;
};
constexpr int kMostTerms = 3;
struct StartArguments {
  StartTerm terms[kMostTerms];
  int count;
  float scale;
  const float* bias;
  const void* residual;
  int64_t residual_stride;
  bool accumulate;
  void* out;
  int64_t out_stride;
  int64_t rows;
  int64_t n;
  int64_t column_blocks;
};

// A thread owns a column and walks the rows of its tile.
template <typename T, int kRanks>
__global__ void __launch_bounds__(kThreads) start_product_kernel(StartArguments a) {
  const int64_t column =
      static_cast<int64_t>(blockIdx.x) % a.column_blocks * kThreads + threadIdx.x;
  const int64_t first = static_cast<int64_t>(blockIdx.x) / a.column_blocks * kRowsPerTile;
  if (column >= a.n) return;
  float sums[kRowsPerTile] = {};
  for (int t = 0; t < a.count; ++t) {
    const StartTerm& term = a.terms[t];
    for (int64_t c0 = 0; c0 < term.r; c0 += kRanks) {
      float factors[kRanks];
#pragma unroll
      for (int c = 0; c < kRanks; ++c)
        factors[c] =
            c0 + c < term.r
                ? term.right.data[(c0 + c) * term.right.row_stride + column * term.right.col_stride]
                : 0.0f;
#pragma unroll
      for (int i = 0; i < kRowsPerTile; ++i) {
        if (first + i >= a.rows) continue;
        const float* left = term.left + (first + i) * term.left_stride + c0;
#pragma unroll
        for (int c = 0; c < kRanks; ++c)
          if (c0 + c < term.r) sums[i] = fmaf(left[c], factors[c], sums[i]);
      }
    }
  }
  const float bias = a.bias ? a.bias[column] : 0.0f;
#pragma unroll
  for (int i = 0; i < kRowsPerTile; ++i) {
    const int64_t row = first + i;
    if (row >= a.rows) continue;
    float value = fmaf(a.scale, sums[i], bias);
    if (a.residual)
      value += to_float(static_cast<const T*>(a.residual)[row * a.residual_stride + column]);
    T& out = static_cast<T*>(a.out)[row * a.out_stride + column];
    if (a.accumulate) value += to_float(out);
    out = from_float<T>(value);
  }
}

struct FinishArguments {
  const void* raw;
  int64_t raw_stride;
  const float* bias;
  bool gelu;
  void* derivative;
  int64_t derivative_stride;
  const void* multiplier;
  int64_t multiplier_stride;
  const void* residual;
  int64_t residual_stride;
  bool accumulate;
  void* out;
  int64_t out_stride;
  int64_t rows;
  int64_t n;
};

// gelu(x) = x s, s = 1 / (1 + e^(-2u)), u = sqrt(2/pi) (x + 0.044715 x^3), and its derivative, as the
// CPU's epilogue.
__device__ __forceinline__ float gelu(float x, float* derivative) {
  constexpr float kScale = 0.7978845608028654f, kCube = 0.044715f;
  const float square = x * x;
  const float s = 1.0f / (1.0f + expf(-2.0f * kScale * (x * fmaf(kCube, square, 1.0f))));
  const float du = 2.0f * kScale * fmaf(3.0f * kCube, square, 1.0f);
  *derivative = fmaf(x * s * (1.0f - s), du, s);
  return x * s;
}

template <typename T>
__global__ void __launch_bounds__(kThreads) finish_product_kernel(FinishArguments a) {
  const int64_t total = a.rows * a.n;
  const int64_t step = static_cast<int64_t>(gridDim.x) * kThreads;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < total; i += step) {
    const int64_t row = i / a.n, column = i % a.n;
    float value = to_float(static_cast<const T*>(a.raw)[row * a.raw_stride + column]);
    if (a.bias) value += a.bias[column];
    if (a.gelu) {
      float derivative;
      value = gelu(value, &derivative);
      if (a.derivative)
        static_cast<T*>(a.derivative)[row * a.derivative_stride + column] =
            from_float<T>(derivative);
    }
    if (a.multiplier)
      value *= to_float(static_cast<const T*>(a.multiplier)[row * a.multiplier_stride + column]);
    if (a.residual)
      value += to_float(static_cast<const T*>(a.residual)[row * a.residual_stride + column]);
    T& out = static_cast<T*>(a.out)[row * a.out_stride + column];
    if (a.accumulate) value += to_float(out);
    out = from_float<T>(value);
  }
}

// A chunk of rows into partial[chunk][narrow][wide]. A thread owns a column of the wide operand.
template <typename N, typename W>
__global__ void __launch_bounds__(kThreads)
    outer_kernel(const N* narrow, int64_t narrow_stride, int64_t narrow_cols, const W* wide,
                 int64_t wide_stride, int64_t wide_cols, int64_t rows, int64_t column_blocks,
                 float* partial) {
  constexpr int kRanks = 16;
  __shared__ float held[kChunkRows][kRanks];
  const int64_t column = static_cast<int64_t>(blockIdx.x) % column_blocks * kThreads + threadIdx.x;
  const int64_t chunk = static_cast<int64_t>(blockIdx.x) / column_blocks;
  const int64_t first = chunk * kChunkRows;
  const int count = static_cast<int>(rows - first < kChunkRows ? rows - first : kChunkRows);
  for (int64_t c0 = 0; c0 < narrow_cols; c0 += kRanks) {
    const int ranks = static_cast<int>(narrow_cols - c0 < kRanks ? narrow_cols - c0 : kRanks);
    sync_threads();
    for (int i = static_cast<int>(threadIdx.x); i < count * kRanks; i += kThreads) {
      const int row = i / kRanks, c = i % kRanks;
      held[row][c] =
          c < ranks ? to_float(narrow[(first + row) * narrow_stride + c0 + c]) : 0.0f;
    }
    sync_threads();
    if (column < wide_cols) {
      float sums[kRanks] = {};
      for (int row = 0; row < count; ++row) {
        const float value = to_float(wide[(first + row) * wide_stride + column]);
#pragma unroll
        for (int c = 0; c < kRanks; ++c) sums[c] = fmaf(held[row][c], value, sums[c]);
      }
#pragma unroll
      for (int c = 0; c < kRanks; ++c)
        if (c < ranks) partial[(chunk * narrow_cols + c0 + c) * wide_cols + column] = sums[c];
    }
  }
}

// out (i, j) += the partial sums in the order of the chunks.
__global__ void __launch_bounds__(kThreads)
    outer_sum_kernel(const float* partial, int64_t chunks, int64_t narrow_cols, int64_t wide_cols,
                     float* out, int64_t narrow_step, int64_t wide_step) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const int64_t total = narrow_cols * wide_cols;
  if (i >= total) return;
  float sum = 0.0f;
  for (int64_t chunk = 0; chunk < chunks; ++chunk) sum += partial[chunk * total + i];
  out[i / wide_cols * narrow_step + i % wide_cols * wide_step] += sum;
}

template <typename N, typename W>
void narrow_outer_of(Stream stream, ConstMatrix narrow, ConstMatrix wide, int64_t narrow_step,
                     int64_t wide_step, float* out, float* scratch) {
  const int64_t chunks = ceil_div(narrow.rows, kChunkRows);
  const int64_t blocks = ceil_div(wide.cols, kThreads);
  launch(outer_kernel<N, W>, dim3(static_cast<unsigned>(chunks * blocks)), kThreads, 0, stream,
         reinterpret_cast<const N*>(narrow.data), narrow.stride, narrow.cols,
         reinterpret_cast<const W*>(wide.data), wide.stride, wide.cols, narrow.rows, blocks,
         scratch);
  launch(outer_sum_kernel,
         dim3(static_cast<unsigned>(ceil_div(narrow.cols * wide.cols, kThreads))), kThreads, 0,
         stream, scratch, chunks, narrow.cols, wide.cols, out, narrow_step, wide_step);
}

}  // namespace

void narrow_right(Stream stream, ConstMatrix x, const WeightView& right, float scale, Matrix out) {
  if (x.dtype == DType::kF32)
    narrow_right_of<float>(stream, x, right, scale, out);
  else
    narrow_right_of<Bf16>(stream, x, right, scale, out);
}

void start_product(Stream stream, std::span<const NarrowTerm> terms, float scale, const float* bias,
                   ConstMatrix residual, bool accumulate, Matrix out) {
  StartArguments a{};
  int64_t longest = 0;
  for (const NarrowTerm& term : terms) {
    a.terms[a.count++] = {term.left.data, term.left.stride, term.left.cols, strided(term.right)};
    longest = term.left.cols > longest ? term.left.cols : longest;
  }
  a.scale = scale;
  a.bias = bias;
  a.residual = residual.data;
  a.residual_stride = residual.stride;
  a.accumulate = accumulate;
  a.out = out.data;
  a.out_stride = out.stride;
  a.rows = out.rows;
  a.n = out.cols;
  a.column_blocks = ceil_div(out.cols, kThreads);
  const dim3 grid(static_cast<unsigned>(a.column_blocks * ceil_div(out.rows, kRowsPerTile)));
  const auto run = [&](auto wide, auto narrow) {
    launch(out.dtype == DType::kF32 ? wide : narrow, grid, kThreads, 0, stream, a);
  };
  switch (ranks_at_once(longest)) {
    case 4:
      return run(start_product_kernel<float, 4>, start_product_kernel<Bf16, 4>);
    case 8:
      return run(start_product_kernel<float, 8>, start_product_kernel<Bf16, 8>);
    default:
      return run(start_product_kernel<float, 16>, start_product_kernel<Bf16, 16>);
  }
}

void finish_product(Stream stream, ConstMatrix raw, const ProductEpilogue& epilogue, Matrix out) {
  const FinishArguments a{raw.data,
                          raw.stride,
                          epilogue.bias,
                          epilogue.activation == Activation::kGeluTanh,
                          epilogue.derivative.data,
                          epilogue.derivative.stride,
                          epilogue.multiplier.data,
                          epilogue.multiplier.stride,
                          epilogue.residual.data,
                          epilogue.residual.stride,
                          epilogue.accumulate,
                          out.data,
                          out.stride,
                          out.rows,
                          out.cols};
  constexpr int64_t kMostBlocks = 1 << 16;
  const int64_t blocks = ceil_div(out.rows * out.cols, kThreads);
  launch(out.dtype == DType::kF32 ? finish_product_kernel<float> : finish_product_kernel<Bf16>,
         dim3(static_cast<unsigned>(blocks < kMostBlocks ? blocks : kMostBlocks)), kThreads, 0,
         stream, a);
}

int64_t narrow_outer_scratch_floats(int64_t rows, int64_t p, int64_t q) {
  return ceil_div(rows, kChunkRows) * p * q;
}

void narrow_outer(Stream stream, ConstMatrix left, ConstMatrix right, Matrix out, float* scratch) {
  const bool left_narrow = left.cols <= right.cols;
  const ConstMatrix narrow = left_narrow ? left : right, wide = left_narrow ? right : left;
  const int64_t narrow_step = left_narrow ? out.stride : 1;
  const int64_t wide_step = left_narrow ? 1 : out.stride;
  const bool narrow_float = narrow.dtype == DType::kF32, wide_float = wide.dtype == DType::kF32;
  const auto run = [&](auto function) {
    function(stream, narrow, wide, narrow_step, wide_step, out.data, scratch);
  };
  if (narrow_float && wide_float) return run(narrow_outer_of<float, float>);
  if (narrow_float) return run(narrow_outer_of<float, Bf16>);
  if (wide_float) return run(narrow_outer_of<Bf16, float>);
  return run(narrow_outer_of<Bf16, Bf16>);
}

}  // namespace rankscope::RANKSCOPE_CUDA
