// LayerNorm and RMSNorm with their gradients: one block a row. A thread has chunks of eight
// neighbouring elements, and keeps them in registers between the passes over a row of up to 8192;
// longer rows are read again. The threads follow from the width alone.
#include <type_traits>

#include "engine/backend/cuda/kernels.h"
#include "engine/backend/cuda/kernels/chunk.cuh"

namespace rankscope::RANKSCOPE_CUDA {

namespace {

constexpr int kMostThreads = 256;

// body(number, column, n) for each chunk of this thread; kChunks 0 is a row of any length, whose
// chunks all have the number 0.
template <int kChunks, typename Body>
__device__ __forceinline__ void each_chunk(int64_t cols, const Body& body) {
#pragma unroll
  for (int k = 0; kChunks == 0 || k < kChunks; ++k) {
    const int64_t c = (static_cast<int64_t>(k) * blockDim.x + threadIdx.x) * kChunk;
    if (c >= cols) break;
    body(kChunks == 0 ? 0 : k, c, in_chunk(cols - c));
  }
}

// Each sum over the block, in every thread. `shared` holds kCount * kWarp floats of its own.
template <int kCount>
__device__ __forceinline__ void block_sums(float (&x)[kCount], float* shared) {
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp, warps = blockDim.x / kWarp;
  for (int i = 0; i < kCount; ++i) x[i] = warp_sum(x[i]);
  if (warps == 1) return;
  if (lane == 0)
    for (int i = 0; i < kCount; ++i) shared[i * kWarp + warp] = x[i];
  sync_threads();
  for (int i = 0; i < kCount; ++i) x[i] = warp_sum(lane < warps ? shared[i * kWarp + lane] : 0.0f);
}

// The norms differ in the mean, which RMSNorm does not take away, and in their statistics: mean
// and rstd of a row against rstd alone.
template <typename T, bool kCentred, int kChunks>
__global__ void norm_rows(ConstMatrix xs, const float* gain, const float* bias, float epsilon,
                          Matrix outs, Matrix stats, bool wide) {
  float* shared = dynamic_shared<float>();
  const int64_t row = blockIdx.x, cols = xs.cols;
  const T* x = reinterpret_cast<const T*>(xs.data) + row * xs.stride;
  T* out = reinterpret_cast<T*>(outs.data) + row * outs.stride;
  const float width = static_cast<float>(cols);
  float v[kChunks == 0 ? 1 : kChunks][kChunk];
  float total[1] = {0.0f}, squares[1] = {0.0f};
  each_chunk<kChunks>(cols, [&](int k, int64_t c, int n) {
    load(x + c, n, wide, v[k]);
    if (kCentred)
      for (int i = 0; i < kChunk; ++i) total[0] += v[k][i];
  });
  if (kCentred) block_sums(total, shared);
  const float mean = kCentred ? total[0] / width : 0.0f;
  each_chunk<kChunks>(cols, [&](int k, int64_t c, int n) {
    if (kChunks == 0) load(x + c, n, wide, v[k]);
    for (int i = 0; i < kChunk; ++i) {
      const float difference = i < n ? v[k][i] - mean : 0.0f;
      squares[0] = fmaf(difference, difference, squares[0]);
    }
  });
  block_sums(squares, shared + kWarp);
  const float rstd = 1.0f / sqrtf(squares[0] / width + epsilon);
  float* kept = stats.data + row * stats.stride;
  if (kCentred && threadIdx.x == 0) kept[0] = mean;
  if (threadIdx.x == 0) kept[kCentred ? 1 : 0] = rstd;
  each_chunk<kChunks>(cols, [&](int k, int64_t c, int n) {
    float a[kChunk], b[kChunk];
    if (kChunks == 0) load(x + c, n, wide, v[k]);
    load(gain + c, n, wide, a);
    if (bias) load(bias + c, n, wide, b);
    for (int i = 0; i < kChunk; ++i) {
      const float y = (v[k][i] - mean) * rstd;
      a[i] = bias ? fmaf(y, a[i], b[i]) : y * a[i];
    }
    store(a, n, wide, out + c);
  });
}

// With g = dout * gain and y the normalized x:
//   LayerNorm: dx = rstd * (g - mean(g) - y * mean(g * y));  RMSNorm: the same without mean(g).
template <typename T, bool kCentred, int kChunks>
__global__ void norm_dx(ConstMatrix xs, const float* gain, ConstMatrix stats, ConstMatrix douts,
                        bool accumulate, Matrix dxs, bool wide) {
  float* shared = dynamic_shared<float>();
  const int64_t row = blockIdx.x, cols = xs.cols;
  const T* x = reinterpret_cast<const T*>(xs.data) + row * xs.stride;
  const T* dout = reinterpret_cast<const T*>(douts.data) + row * douts.stride;
  T* dx = reinterpret_cast<T*>(dxs.data) + row * dxs.stride;
  const float* kept = stats.data + row * stats.stride;
  const float mean = kCentred ? kept[0] : 0.0f, rstd = kept[kCentred ? 1 : 0];
  const float width = static_cast<float>(cols);
  constexpr int kKept = kChunks == 0 ? 1 : kChunks;
  float y[kKept][kChunk], g[kKept][kChunk];
  const auto prepare = [&](int k, int64_t c, int n) {
    float a[kChunk];
    load(x + c, n, wide, y[k]);
    load(dout + c, n, wide, g[k]);
    load(gain + c, n, wide, a);
    for (int i = 0; i < kChunk; ++i) {
      y[k][i] = i < n ? (y[k][i] - mean) * rstd : 0.0f;
      g[k][i] *= a[i];
    }
  };
  float sums[2] = {0.0f, 0.0f};  // of g, of g * y
  each_chunk<kChunks>(cols, [&](int k, int64_t c, int n) {
    prepare(k, c, n);
    for (int i = 0; i < kChunk; ++i) {
      sums[0] += g[k][i];
      sums[1] = fmaf(g[k][i], y[k][i], sums[1]);
    }
  });
  block_sums(sums, shared);
  const float g_mean = kCentred ? sums[0] / width : 0.0f, gy_mean = sums[1] / width;
  each_chunk<kChunks>(cols, [&](int k, int64_t c, int n) {
    if (kChunks == 0) prepare(k, c, n);
    float before[kChunk];
    if (accumulate) load(dx + c, n, wide, before);
    for (int i = 0; i < kChunk; ++i) {
      const float gradient = fmaf(y[k][i], -gy_mean, g[k][i] - g_mean);
      g[k][i] = accumulate ? fmaf(gradient, rstd, before[i]) : gradient * rstd;
    }
    store(g[k], n, wide, dx + c);
  });
}

// Sums over blocks of rows: warp w of the eight adds up rows [8 w, 8 w + 8) of the block, each lane
// a chunk of columns, and the warps' sums are added in order.
constexpr int64_t kRowBlock = 64;
constexpr int kGainWarps = 8;
constexpr int64_t kTile = kWarp * kChunk;
static_assert(kTile == kGainWarps * kWarp);  // a thread for each column

// Per block of rows the sums of dout * y to sums [0, blocks, cols], of dout to sums [1, ...].
template <typename T, bool kCentred>
__global__ void gain_sums(ConstMatrix x, ConstMatrix stats, ConstMatrix dout, int64_t blocks,
                          float* sums, bool wide) {
  float* shared = dynamic_shared<float>();
  const int64_t tiles = (x.cols + kTile - 1) / kTile;
  const int64_t block = blockIdx.x / tiles, first = blockIdx.x % tiles * kTile;
  const int64_t warp = threadIdx.x / kWarp, place = threadIdx.x % kWarp * kChunk, c = first + place;
  float gain[kChunk] = {}, bias[kChunk] = {};
  if (c < x.cols) {
    const int n = in_chunk(x.cols - c);
    const int64_t begin = block * kRowBlock + warp * (kRowBlock / kGainWarps);
    for (int64_t row = begin; row < begin + kRowBlock / kGainWarps && row < x.rows; ++row) {
      const float* kept = stats.data + row * stats.stride;
      const float mean = kCentred ? kept[0] : 0.0f, rstd = kept[kCentred ? 1 : 0];
      float v[kChunk], d[kChunk];
      load(reinterpret_cast<const T*>(x.data) + row * x.stride + c, n, wide, v);
      load(reinterpret_cast<const T*>(dout.data) + row * dout.stride + c, n, wide, d);
      for (int i = 0; i < kChunk; ++i) {
        gain[i] = fmaf(d[i], (v[i] - mean) * rstd, gain[i]);
        bias[i] += d[i];
      }
    }
  }
  for (int i = 0; i < kChunk; ++i) {
    shared[warp * kTile + place + i] = gain[i];
    shared[(kGainWarps + warp) * kTile + place + i] = bias[i];
  }
  sync_threads();
  const int64_t column = first + threadIdx.x;
  if (column >= x.cols) return;
  for (int which = 0; which < 2; ++which) {
    float sum = 0.0f;
    for (int w = 0; w < kGainWarps; ++w)
      sum += shared[(which * kGainWarps + w) * kTile + threadIdx.x];
    sums[(which * blocks + block) * x.cols + column] = sum;
  }
}

bool is_wide_vector(const float* vector) { return is_wide(vector, 0, sizeof(float)); }

// body(chunks, threads) with the kernel's kChunks for the width.
template <typename Body>
void with_chunks(int64_t cols, const Body& body) {
  const int64_t chunks = ceil_div(cols, kChunk);
  int threads = kWarp;
  while (threads < kMostThreads && threads < chunks) threads *= 2;
  if (chunks <= threads) return body(std::integral_constant<int, 1>{}, threads);
  if (chunks <= 2 * threads) return body(std::integral_constant<int, 2>{}, threads);
  if (chunks <= 4 * threads) return body(std::integral_constant<int, 4>{}, threads);
  body(std::integral_constant<int, 0>{}, threads);
}

constexpr size_t kSharedBytes = 2 * kWarp * sizeof(float);

template <bool kCentred>
void norm(Stream stream, ConstMatrix x, const float* gain, const float* bias, float epsilon,
          Matrix out, Matrix stats) {
  const bool wide = is_wide(x) && is_wide(out) && is_wide_vector(gain) && is_wide_vector(bias);
  with_chunks(x.cols, [&](auto chunks, int threads) {
    constexpr int kChunks = decltype(chunks)::value;
    launch(x.dtype == DType::kF32 ? norm_rows<float, kCentred, kChunks>
                                  : norm_rows<Bf16, kCentred, kChunks>,
           dim3(static_cast<unsigned>(x.rows)), threads, kSharedBytes, stream, x, gain, bias,
           epsilon, out, stats, wide);
  });
}

template <bool kCentred>
void norm_backward(Stream stream, ConstMatrix x, const float* gain, ConstMatrix stats,
                   ConstMatrix dout, bool accumulate, Matrix dx, float* dgain, float* dbias,
                   float* scratch) {
  if (dx.data) {
    const bool wide = is_wide(x) && is_wide(dout) && is_wide(dx) && is_wide_vector(gain);
    with_chunks(x.cols, [&](auto chunks, int threads) {
      constexpr int kChunks = decltype(chunks)::value;
      launch(x.dtype == DType::kF32 ? norm_dx<float, kCentred, kChunks>
                                    : norm_dx<Bf16, kCentred, kChunks>,
             dim3(static_cast<unsigned>(x.rows)), threads, kSharedBytes, stream, x, gain, stats,
             dout, accumulate, dx, wide);
    });
  }
  if (!dgain && !dbias) return;
  const int64_t blocks = ceil_div(x.rows, kRowBlock);
  launch(x.dtype == DType::kF32 ? gain_sums<float, kCentred> : gain_sums<Bf16, kCentred>,
         dim3(static_cast<unsigned>(blocks * ceil_div(x.cols, kTile))), kTile,
         2 * kGainWarps * kTile * sizeof(float), stream, x, stats, dout, blocks, scratch,
         is_wide(x) && is_wide(dout));
  const ConstMatrix sums{scratch, 2 * blocks, x.cols, x.cols};
  float* rest = scratch + 2 * blocks * x.cols;
  if (dgain) column_sum(stream, sums.row_range(0, blocks), dgain, rest);
  if (dbias) column_sum(stream, sums.row_range(blocks, 2 * blocks), dbias, rest);
}

}  // namespace

int64_t norm_scratch_floats(int64_t rows, int64_t cols) {
  const int64_t blocks = ceil_div(rows, kRowBlock);
  return 2 * blocks * cols + column_sum_scratch_floats(blocks, cols);
}

void layer_norm(Stream stream, ConstMatrix x, const float* gain, const float* bias, float epsilon,
                Matrix out, Matrix stats) {
  norm<true>(stream, x, gain, bias, epsilon, out, stats);
}

void layer_norm_backward(Stream stream, ConstMatrix x, const float* gain, ConstMatrix stats,
                         ConstMatrix dout, bool accumulate, Matrix dx, float* dgain, float* dbias,
                         float* scratch) {
  norm_backward<true>(stream, x, gain, stats, dout, accumulate, dx, dgain, dbias, scratch);
}

void rms_norm(Stream stream, ConstMatrix x, const float* gain, float epsilon, Matrix out,
              Matrix stats) {
  norm<false>(stream, x, gain, nullptr, epsilon, out, stats);
}

void rms_norm_backward(Stream stream, ConstMatrix x, const float* gain, ConstMatrix stats,
                       ConstMatrix dout, bool accumulate, Matrix dx, float* dgain, float* scratch) {
  norm_backward<false>(stream, x, gain, stats, dout, accumulate, dx, dgain, nullptr, scratch);
}

}  // namespace rankscope::RANKSCOPE_CUDA
