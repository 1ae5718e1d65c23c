// Softmax cross entropy of rows of logits and its gradient: one block a row, two readings and one
// writing of it. Neighbouring threads have neighbouring columns, so that rows at any address are
// read alike.
#include "engine/backend/cuda/kernels.h"

namespace rankscope::RANKSCOPE_CUDA {

namespace {

constexpr int kUnroll = 8;  // columns a thread reads before it computes
constexpr float kInfinity = __builtin_inff();

// The largest logit of what a thread has seen, and relative to it the sum of e^(x - top) and that
// of x - top. While nothing but -infinity and NaN was seen `top` is -infinity and the sums are
// relative to 0: e^-infinity is 0 then as ever, and a NaN remains one.
struct Sums {
  float top = -kInfinity;
  double exponentials = 0.0, differences = 0.0;
  double seen = 0.0;

  __device__ __forceinline__ float base() const { return top == -kInfinity ? 0.0f : top; }
  // Makes the sums relative to a larger logit.
  __device__ __forceinline__ void raise(float to) {
    if (!(to > top)) return;
    if (top != -kInfinity) {
      exponentials *= static_cast<double>(expf(top - to));
      if (seen > 0.0) differences += seen * (static_cast<double>(top) - static_cast<double>(to));
    }
    top = to;
  }
};

// Sums over a row by its block.
__device__ __forceinline__ Sums read_row(const float* x, int64_t cols, bool differences) {
  Sums sums;
  const int64_t step = int64_t{blockDim.x} * kUnroll;
  for (int64_t begin = threadIdx.x; begin < cols; begin += step) {
    float v[kUnroll], top = -kInfinity;
    for (int i = 0; i < kUnroll; ++i) {
      const int64_t c = begin + i * int64_t{blockDim.x};
      v[i] = c < cols ? x[c] : -kInfinity;
    }
    for (int i = 0; i < kUnroll; ++i) top = fmaxf(top, v[i]);
    sums.raise(top);
    const float base = sums.base();
    float part = 0.0f;
    for (int i = 0; i < kUnroll; ++i) part += expf(v[i] - base);
    sums.exponentials += static_cast<double>(part);
    if (!differences) continue;
    float difference = 0.0f;
    for (int i = 0; i < kUnroll; ++i) {
      if (begin + i * int64_t{blockDim.x} >= cols) break;
      difference += v[i] - base;
      sums.seen += 1.0;
    }
    sums.differences += static_cast<double>(difference);
  }
  return sums;
}

// The sums of the whole row, in every thread.
__device__ __forceinline__ Sums join(Sums sums, double* shared) {
  float* tops = reinterpret_cast<float*>(shared + 2 * kWarp);
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp, warps = blockDim.x / kWarp;
  const float top = warp_max(sums.top);
  if (lane == 0) tops[warp] = top;
  sync_threads();
  sums.raise(warp_max(lane < warps ? tops[lane] : -kInfinity));
  const double exponentials = warp_sum(sums.exponentials);
  const double differences = warp_sum(sums.differences);
  if (lane == 0) {
    shared[warp] = exponentials;
    shared[kWarp + warp] = differences;
  }
  sync_threads();
  sums.exponentials = warp_sum(lane < warps ? shared[lane] : 0.0);
  sums.differences = warp_sum(lane < warps ? shared[kWarp + lane] : 0.0);
  return sums;
}

// Replaces the row by its gradient: probabilities times factor plus uniform, and label_gradient;
// zeros in columns [cols, padded), which do not reach beyond the last step over the row. As BF16
// the gradient goes to the beginning of the row's own memory: column c's lies within the logits of
// columns up to c / 2, and all columns up to the last that is written are read before.
template <typename T>
__device__ __forceinline__ void write_gradient(float* x, int64_t cols, int64_t padded, float top,
                                               float factor, float uniform, int64_t label,
                                               float label_gradient) {
  T* out = reinterpret_cast<T*>(x);
  const int64_t step = int64_t{blockDim.x} * kUnroll;
  for (int64_t first = 0; first < cols; first += step) {
    float v[kUnroll];
    for (int i = 0; i < kUnroll; ++i) {
      const int64_t c = first + threadIdx.x + i * int64_t{blockDim.x};
      v[i] = c < cols ? x[c] : 0.0f;
    }
    if (sizeof(T) < sizeof(float)) sync_threads();
    for (int i = 0; i < kUnroll; ++i) {
      const int64_t c = first + threadIdx.x + i * int64_t{blockDim.x};
      if (c >= padded) break;
      const float gradient = c == label ? label_gradient : fmaf(expf(v[i] - top), factor, uniform);
      out[c] = from_float<T>(c < cols ? gradient : 0.0f);
    }
  }
}

template <typename T>
__global__ void cross_entropy_rows(Matrix logits, int64_t padded, const int32_t* labels,
                                   float smoothing, float gradient_scale, float* loss, float* nll) {
  double* shared = dynamic_shared<double>();
  const int64_t row = blockIdx.x, cols = logits.cols, label = labels[row];
  float* x = logits.data + row * logits.stride;
  const bool known = label >= 0 && label < cols;
  const double label_logit =
      known ? static_cast<double>(x[label]) : static_cast<double>(__builtin_nanf(""));
  const double s = smoothing, width = static_cast<double>(cols), scale = gradient_scale;
  const Sums sums = join(read_row(x, cols, smoothing != 0.0f), shared);
  const double label_difference = label_logit - static_cast<double>(sums.top);
  if (threadIdx.x == 0) {
    const double log_sum = log(sums.exponentials);
    const double row_nll = log_sum - label_difference;
    nll[row] = static_cast<float>(row_nll);
    // Without smoothing an infinite difference, of a logit of -infinity, must not meet a zero.
    loss[row] = static_cast<float>(
        s == 0.0 ? row_nll : (1.0 - s) * row_nll + s * (log_sum - sums.differences / width));
  }
  if (gradient_scale == 0.0f) return;
  // An unknown label makes the whole gradient NaN.
  const double probability = static_cast<double>(expf(static_cast<float>(label_difference)));
  const double label_gradient = scale * (probability / sums.exponentials - (1.0 - s) - s / width);
  const double factor = known ? scale / sums.exponentials : label_logit;
  write_gradient<T>(x, cols, padded, sums.top, static_cast<float>(factor),
                    static_cast<float>(-scale * s / width), label,
                    static_cast<float>(label_gradient));
}

}  // namespace

void cross_entropy(Stream stream, Matrix logits, const int32_t* labels, float smoothing,
                   float gradient_scale, bool narrow_gradient, float* loss, float* nll) {
  // Of the width alone, as the order of the sums follows from it.
  const int threads = logits.cols <= 1024 ? 128 : logits.cols <= 8192 ? 256 : 512;
  const int64_t padded = narrow_gradient ? gradient_columns(logits.cols) : logits.cols;
  launch(narrow_gradient ? cross_entropy_rows<Bf16> : cross_entropy_rows<float>,
         dim3(static_cast<unsigned>(logits.rows)), threads,
         2 * kWarp * sizeof(double) + kWarp * sizeof(float), stream, logits, padded, labels,
         smoothing, gradient_scale, loss, nll);
}

}  // namespace rankscope::RANKSCOPE_CUDA
