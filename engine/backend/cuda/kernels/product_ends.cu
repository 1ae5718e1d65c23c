// What a product begins with and what it ends with, around cuBLASLt's own part.
#include <type_traits>
#include <vector>

#include "engine/backend/cuda/kernels/narrow.cuh"

namespace rankscope::RANKSCOPE_CUDA {

namespace {

constexpr int kThreads = kNarrowThreads;
// Rows of a block of start_product and of finish_product; a thread has a chunk of columns in each.
constexpr int kStartRows = 8;
constexpr int kFinishRows = 2;
// Ranks in registers at a time.
constexpr int kRanks = 4;

// Rows of one operand.
template <typename P>
struct RowsOf {
  P* data;
  int64_t stride;
  bool aligned;
};
template <typename M>
auto rows_of(const M& m) {
  using P = std::conditional_t<std::is_const_v<std::remove_pointer_t<decltype(m.data)>>, const void,
                               void>;
  return RowsOf<P>{m.data, m.stride, is_wide(m.data, m.stride, dtype_size(m.dtype))};
}
template <typename T, typename P>
__device__ __forceinline__ void load_row(const RowsOf<P>& from, int64_t row, int64_t column, int n,
                                         float values[kChunk]) {
  load(static_cast<const T*>(from.data) + row * from.stride + column, n, from.aligned, values);
}
template <typename T>
__device__ __forceinline__ void store_row(const float values[kChunk], const RowsOf<void>& to,
                                          int64_t row, int64_t column, int n) {
  store(values, n, to.aligned, static_cast<T*>(to.data) + row * to.stride + column);
}

struct StartPart {
  int64_t first_block;
  int64_t begin, end;
  const float* left;
  int64_t left_stride;
  int64_t r;  // 0: no term in these rows
  Strided right;
  bool aligned;  // right's rows or columns can be read as vectors
};
struct StartArguments {
  float scale;
  const float* bias;
  RowsOf<const void> residual;
  bool accumulate;
  RowsOf<void> out;
  int64_t n;
  int64_t column_blocks;
  Parts<StartPart> parts;
};

// Elements [c0 + c][column + e] of the right factor, zeros where there is none.
__device__ __forceinline__ void load_right(const StartPart& p, int64_t c0, int64_t column, int n,
                                           float factors[kRanks][kChunk]) {
  const float* from = p.right.data + c0 * p.right.row_stride + column * p.right.col_stride;
  if (p.aligned && n == kChunk && p.right.row_stride == 1 && c0 + kRanks <= p.r) {
#pragma unroll
    for (int e = 0; e < kChunk; ++e) {
      const auto four = *reinterpret_cast<const float4*>(from + e * p.right.col_stride);
      factors[0][e] = four.x;
      factors[1][e] = four.y;
      factors[2][e] = four.z;
      factors[3][e] = four.w;
    }
    return;
  }
  const bool vectors = p.aligned && p.right.col_stride == 1;
#pragma unroll
  for (int c = 0; c < kRanks; ++c) {
    const float* row = from + c * p.right.row_stride;
    const int present = c0 + c < p.r ? n : 0;
    if (p.right.col_stride == 1) {
      load(row, present, vectors, factors[c]);
    } else {
#pragma unroll
      for (int e = 0; e < kChunk; ++e)
        factors[c][e] = e < present ? row[e * p.right.col_stride] : 0.0f;
    }
  }
}

template <typename T>
__global__ void __launch_bounds__(kThreads) start_product_kernel(StartArguments a) {
  __shared__ float left[kStartRows][kRanks];
  const StartPart& p = a.parts.of(blockIdx.x);
  const auto block = static_cast<unsigned>(static_cast<int64_t>(blockIdx.x) - p.first_block);
  const auto column_blocks = static_cast<unsigned>(a.column_blocks);
  const int64_t column =
      static_cast<int64_t>(block % column_blocks * kThreads + threadIdx.x) * kChunk;
  const int64_t first = p.begin + static_cast<int64_t>(block / column_blocks) * kStartRows;
  const int rows = static_cast<int>(p.end - first < kStartRows ? p.end - first : kStartRows);
  const int n = column < a.n ? in_chunk(a.n - column) : 0;
  float sums[kStartRows][kChunk] = {};
  for (int64_t c0 = 0; c0 < p.r; c0 += kRanks) {
    float factors[kRanks][kChunk];
    load_right(p, c0, column, n, factors);
    if (threadIdx.x < kStartRows * kRanks) {
      const int row = static_cast<int>(threadIdx.x) / kRanks;
      const int c = static_cast<int>(threadIdx.x) % kRanks;
      left[row][c] =
          row < rows && c0 + c < p.r ? p.left[(first + row) * p.left_stride + c0 + c] : 0.0f;
    }
    sync_threads();
#pragma unroll
    for (int i = 0; i < kStartRows; ++i)
#pragma unroll
      for (int c = 0; c < kRanks; ++c) {
        if (c0 + c >= p.r) continue;
#pragma unroll
        for (int e = 0; e < kChunk; ++e) sums[i][e] = fmaf(left[i][c], factors[c][e], sums[i][e]);
      }
    sync_threads();
  }
  if (n == 0) return;
  float bias[kChunk] = {};
  if (a.bias) load(a.bias + column, n, false, bias);
#pragma unroll
  for (int i = 0; i < kStartRows; ++i) {
    if (i >= rows) continue;
    float more[kChunk];
#pragma unroll
    for (int e = 0; e < kChunk; ++e) sums[i][e] = fmaf(a.scale, sums[i][e], bias[e]);
    if (a.residual.data) {
      load_row<T>(a.residual, first + i, column, n, more);
#pragma unroll
      for (int e = 0; e < kChunk; ++e) sums[i][e] += more[e];
    }
    if (a.accumulate) {
      load_row<T>(a.out, first + i, column, n, more);
#pragma unroll
      for (int e = 0; e < kChunk; ++e) sums[i][e] += more[e];
    }
    store_row<T>(sums[i], a.out, first + i, column, n);
  }
}

struct FinishArguments {
  RowsOf<const void> raw, multiplier, residual;
  RowsOf<void> derivative, out;
  const float* column_scale;
  const float* bias;
  Activation activation;
  bool accumulate;
  int64_t rows;
  int64_t n;
  int64_t column_blocks;
};

// gelu(x) = x s, s = 1 / (1 + e^(-2u)), u = sqrt(2/pi) (x + 0.044715 x^3), and its derivative, as
// the CPU's epilogue. For bfloat16 the machine's power of two and quotient do, whose errors are far
// below the rounding of the result.
template <typename T>
__device__ __forceinline__ float gelu(float x, float* derivative) {
  constexpr float kScale = 0.7978845608028654f, kCube = 0.044715f;
  const float square = x * x;
  const float power = -2.0f * kScale * (x * fmaf(kCube, square, 1.0f));
  const float s =
      sizeof(T) == 2 ? __fdividef(1.0f, 1.0f + __expf(power)) : 1.0f / (1.0f + expf(power));
  const float du = 2.0f * kScale * fmaf(3.0f * kCube, square, 1.0f);
  *derivative = fmaf(x * s * (1.0f - s), du, s);
  return x * s;
}

// A NaN stays one.
__device__ __forceinline__ float relu(float x, float* derivative) {
  *derivative = x > 0.0f ? 1.0f : 0.0f;
  return x <= 0.0f ? 0.0f : x;
}

template <typename T>
__global__ void __launch_bounds__(kThreads) finish_product_kernel(FinishArguments a) {
  const auto column_blocks = static_cast<unsigned>(a.column_blocks);
  const int64_t column =
      static_cast<int64_t>(blockIdx.x % column_blocks * kThreads + threadIdx.x) * kChunk;
  const int64_t first = static_cast<int64_t>(blockIdx.x / column_blocks) * kFinishRows;
  if (column >= a.n) return;
  const int n = in_chunk(a.n - column);
  float bias[kChunk] = {}, scale[kChunk];
#pragma unroll
  for (int e = 0; e < kChunk; ++e) scale[e] = 1.0f;
  if (a.bias) load(a.bias + column, n, false, bias);
  if (a.column_scale) load(a.column_scale + column, n, false, scale);
#pragma unroll
  for (int i = 0; i < kFinishRows; ++i) {
    const int64_t row = first + i;
    if (row >= a.rows) continue;
    float values[kChunk], more[kChunk];
    load_row<T>(a.raw, row, column, n, values);
#pragma unroll
    for (int e = 0; e < kChunk; ++e) {
      values[e] = values[e] * scale[e] + bias[e];
      if (a.activation == Activation::kGeluTanh) values[e] = gelu<T>(values[e], &more[e]);
      if (a.activation == Activation::kRelu) values[e] = relu(values[e], &more[e]);
    }
    if (a.activation != Activation::kNone && a.derivative.data)
      store_row<T>(more, a.derivative, row, column, n);
    if (a.multiplier.data) {
      load_row<T>(a.multiplier, row, column, n, more);
#pragma unroll
      for (int e = 0; e < kChunk; ++e) values[e] *= more[e];
    }
    if (a.residual.data) {
      load_row<T>(a.residual, row, column, n, more);
#pragma unroll
      for (int e = 0; e < kChunk; ++e) values[e] += more[e];
    }
    if (a.accumulate) {
      load_row<T>(a.out, row, column, n, more);
#pragma unroll
      for (int e = 0; e < kChunk; ++e) values[e] += more[e];
    }
    store_row<T>(values, a.out, row, column, n);
  }
}

}  // namespace

void start_product(Stream stream, std::span<const NarrowTerm> terms, float scale, const float* bias,
                   ConstMatrix residual, bool accumulate, Matrix out) {
  StartArguments a{};
  a.scale = scale;
  a.bias = bias;
  a.residual = rows_of(residual);
  a.accumulate = accumulate;
  a.out = rows_of(out);
  a.n = out.cols;
  a.column_blocks = ceil_div(out.cols, kThreads * kChunk);
  // Terms and the rows between them, which have none.
  std::vector<StartPart> parts;
  int64_t covered = 0;
  const auto add = [&](int64_t begin, int64_t end, const NarrowTerm* term) {
    if (begin >= end) return;
    if (term == nullptr) {
      parts.push_back({0, begin, end, nullptr, 0, 0, {}, false});
    } else {
      const Strided right = strided(term->right);
      const int64_t stride = right.row_stride == 1 ? right.col_stride : right.row_stride;
      parts.push_back({0, begin, end, term->left.data, term->left.stride, term->right.rows, right,
                       is_wide(right.data, stride, sizeof(float))});
    }
    covered = end;
  };
  for (const NarrowTerm& term : terms) {
    add(covered, term.begin, nullptr);
    add(term.begin, term.end, &term);
  }
  add(covered, out.rows, nullptr);
  in_launches(std::span<const StartPart>(parts), [&](std::span<const StartPart> some) {
    int64_t blocks = 0;
    a.parts.count = 0;
    for (StartPart part : some) {
      part.first_block = blocks;
      a.parts.part[a.parts.count++] = part;
      blocks += a.column_blocks * ceil_div(part.end - part.begin, kStartRows);
    }
    launch(out.dtype == DType::kF32 ? start_product_kernel<float> : start_product_kernel<Bf16>,
           dim3(static_cast<unsigned>(blocks)), kThreads, 0, stream, a);
  });
}

void finish_product(Stream stream, ConstMatrix raw, const float* column_scale,
                    const ProductEpilogue& e, Matrix out) {
  const int64_t column_blocks = ceil_div(out.cols, kThreads * kChunk);
  const FinishArguments a{rows_of(raw),
                          rows_of(e.multiplier),
                          rows_of(e.residual),
                          rows_of(e.derivative),
                          rows_of(out),
                          column_scale,
                          e.bias,
                          e.activation,
                          e.accumulate,
                          out.rows,
                          out.cols,
                          column_blocks};
  launch(out.dtype == DType::kF32 ? finish_product_kernel<float> : finish_product_kernel<Bf16>,
         dim3(static_cast<unsigned>(column_blocks * ceil_div(out.rows, kFinishRows))), kThreads, 0,
         stream, a);
}

}  // namespace rankscope::RANKSCOPE_CUDA
