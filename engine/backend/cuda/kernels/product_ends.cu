// What a product begins with and what it ends with, around cuBLASLt's own part.
#include <type_traits>
#include <vector>

#include "engine/backend/cuda/kernels/narrow.cuh"

namespace rankscope::RANKSCOPE_CUDA {

namespace {

constexpr int kThreads = kNarrowThreads;
// Rows of a block of start_product and of finish_product.
constexpr int kStartRows = 8;
constexpr int kFinishRows = 4;

struct StartPart {
  int64_t first_block;
  int64_t begin, end;
  const float* left;
  int64_t left_stride;
  int64_t r;  // 0: no term in these rows
  Strided right;
};
struct StartArguments {
  float scale;
  const float* bias;
  const void* residual;
  int64_t residual_stride;
  bool residual_paired;
  bool accumulate;
  void* out;
  int64_t out_stride;
  bool out_paired;
  int64_t n;
  int64_t column_blocks;
  Parts<StartPart> parts;
};

// A thread owns two columns and walks the rows of its tile.
template <typename T, int kRanks>
__global__ void __launch_bounds__(kThreads) start_product_kernel(StartArguments a) {
  const StartPart& p = a.parts.of(blockIdx.x);
  const int64_t block = static_cast<int64_t>(blockIdx.x) - p.first_block;
  const int64_t column = (block % a.column_blocks * kThreads + threadIdx.x) * 2;
  const int64_t first = p.begin + block / a.column_blocks * kStartRows;
  if (column >= a.n) return;
  const int count = a.n - column >= 2 ? 2 : 1;
  float sums[kStartRows][2] = {};
  for (int64_t c0 = 0; c0 < p.r; c0 += kRanks) {
    float factors[kRanks][2];
#pragma unroll
    for (int c = 0; c < kRanks; ++c) {
      const float* from =
          p.right.data + (c0 + c) * p.right.row_stride + column * p.right.col_stride;
      factors[c][0] = c0 + c < p.r ? from[0] : 0.0f;
      factors[c][1] = c0 + c < p.r && count == 2 ? from[p.right.col_stride] : 0.0f;
    }
#pragma unroll
    for (int i = 0; i < kStartRows; ++i) {
      if (first + i >= p.end) continue;
      const float* left = p.left + (first + i) * p.left_stride + c0;
#pragma unroll
      for (int c = 0; c < kRanks; ++c)
        if (c0 + c < p.r) {
          sums[i][0] = fmaf(left[c], factors[c][0], sums[i][0]);
          sums[i][1] = fmaf(left[c], factors[c][1], sums[i][1]);
        }
    }
  }
  const float bias[2] = {a.bias ? a.bias[column] : 0.0f,
                         a.bias && count == 2 ? a.bias[column + 1] : 0.0f};
#pragma unroll
  for (int i = 0; i < kStartRows; ++i) {
    const int64_t row = first + i;
    if (row >= p.end) continue;
    float values[2] = {fmaf(a.scale, sums[i][0], bias[0]), fmaf(a.scale, sums[i][1], bias[1])};
    float more[2];
    if (a.residual) {
      load_pair(static_cast<const T*>(a.residual) + row * a.residual_stride + column, count,
                a.residual_paired, more);
      values[0] += more[0];
      values[1] += more[1];
    }
    T* out = static_cast<T*>(a.out) + row * a.out_stride + column;
    if (a.accumulate) {
      load_pair(out, count, a.out_paired, more);
      values[0] += more[0];
      values[1] += more[1];
    }
    store_pair(out, count, a.out_paired, values);
  }
}

// Rows of one operand of finish_product.
template <typename P>
struct FinishOperand {
  P* data;
  int64_t stride;
  bool paired;
};
struct FinishArguments {
  FinishOperand<const void> raw, multiplier, residual;
  FinishOperand<void> derivative, out;
  const float* column_scale;
  const float* bias;
  Activation activation;
  bool accumulate;
  int64_t rows;
  int64_t n;
  int64_t column_blocks;
};

// gelu(x) = x s, s = 1 / (1 + e^(-2u)), u = sqrt(2/pi) (x + 0.044715 x^3), and its derivative, as
// the CPU's epilogue.
__device__ __forceinline__ float gelu(float x, float* derivative) {
  constexpr float kScale = 0.7978845608028654f, kCube = 0.044715f;
  const float square = x * x;
  const float s = 1.0f / (1.0f + expf(-2.0f * kScale * (x * fmaf(kCube, square, 1.0f))));
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
  const int64_t column =
      (static_cast<int64_t>(blockIdx.x) % a.column_blocks * kThreads + threadIdx.x) * 2;
  const int64_t first = static_cast<int64_t>(blockIdx.x) / a.column_blocks * kFinishRows;
  if (column >= a.n) return;
  const int count = a.n - column >= 2 ? 2 : 1;
  const float bias[2] = {a.bias ? a.bias[column] : 0.0f,
                         a.bias && count == 2 ? a.bias[column + 1] : 0.0f};
  const float scale[2] = {a.column_scale ? a.column_scale[column] : 1.0f,
                          a.column_scale && count == 2 ? a.column_scale[column + 1] : 1.0f};
  const auto load = [&](const auto& operand, int64_t row, float values[2]) {
    load_pair(static_cast<const T*>(operand.data) + row * operand.stride + column, count,
              operand.paired, values);
  };
#pragma unroll
  for (int i = 0; i < kFinishRows; ++i) {
    const int64_t row = first + i;
    if (row >= a.rows) continue;
    float values[2], more[2];
    load(a.raw, row, values);
    for (int j = 0; j < 2; ++j) {
      values[j] = values[j] * scale[j] + bias[j];
      if (a.activation == Activation::kGeluTanh) values[j] = gelu(values[j], &more[j]);
      if (a.activation == Activation::kRelu) values[j] = relu(values[j], &more[j]);
    }
    if (a.activation != Activation::kNone) {
      if (a.derivative.data)
        store_pair(static_cast<T*>(a.derivative.data) + row * a.derivative.stride + column, count,
                   a.derivative.paired, more);
    }
    if (a.multiplier.data) {
      load(a.multiplier, row, more);
      values[0] *= more[0];
      values[1] *= more[1];
    }
    if (a.residual.data) {
      load(a.residual, row, more);
      values[0] += more[0];
      values[1] += more[1];
    }
    if (a.accumulate) {
      load(a.out, row, more);
      values[0] += more[0];
      values[1] += more[1];
    }
    store_pair(static_cast<T*>(a.out.data) + row * a.out.stride + column, count, a.out.paired,
               values);
  }
}

}  // namespace

void start_product(Stream stream, std::span<const NarrowTerm> terms, float scale, const float* bias,
                   ConstMatrix residual, bool accumulate, Matrix out) {
  StartArguments a{};
  a.scale = scale;
  a.bias = bias;
  a.residual = residual.data;
  a.residual_stride = residual.stride;
  a.residual_paired = in_pairs(residual.data, residual.stride, dtype_size(out.dtype));
  a.accumulate = accumulate;
  a.out = out.data;
  a.out_stride = out.stride;
  a.out_paired = in_pairs(out.data, out.stride, dtype_size(out.dtype));
  a.n = out.cols;
  a.column_blocks = ceil_div(out.cols, 2 * kThreads);
  // Terms and the rows between them, which have none.
  std::vector<StartPart> parts;
  int64_t longest = 0, covered = 0;
  const auto add = [&](int64_t begin, int64_t end, const NarrowTerm* term) {
    if (begin >= end) return;
    if (term == nullptr)
      parts.push_back({0, begin, end, nullptr, 0, 0, {}});
    else
      parts.push_back({0, begin, end, term->left.data, term->left.stride, term->right.rows,
                       strided(term->right)});
    longest = parts.back().r > longest ? parts.back().r : longest;
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
    const auto run = [&](auto wide, auto narrow) {
      launch(out.dtype == DType::kF32 ? wide : narrow, dim3(static_cast<unsigned>(blocks)),
             kThreads, 0, stream, a);
    };
    switch (ranks_at_once(longest)) {
      case 4:
        return run(start_product_kernel<float, 4>, start_product_kernel<Bf16, 4>);
      case 8:
        return run(start_product_kernel<float, 8>, start_product_kernel<Bf16, 8>);
      default:
        return run(start_product_kernel<float, 16>, start_product_kernel<Bf16, 16>);
    }
  });
}

void finish_product(Stream stream, ConstMatrix raw, const float* column_scale,
                    const ProductEpilogue& e, Matrix out) {
  const auto operand = [&](const auto& m) {
    using P = std::conditional_t<std::is_const_v<std::remove_pointer_t<decltype(m.data)>>,
                                 const void, void>;
    return FinishOperand<P>{m.data, m.stride, in_pairs(m.data, m.stride, dtype_size(out.dtype))};
  };
  const int64_t column_blocks = ceil_div(out.cols, 2 * kThreads);
  const FinishArguments a{operand(raw),
                          operand(e.multiplier),
                          operand(e.residual),
                          operand(e.derivative),
                          operand(out),
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
