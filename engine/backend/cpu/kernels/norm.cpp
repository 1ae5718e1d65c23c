// LayerNorm and RMSNorm with their gradients.
#include "engine/backend/cpu/kernels/columns.h"
#include "engine/backend/cpu/kernels/row_kernels.h"

namespace rankscope::cpu::RANKSCOPE_ISA {

namespace {

// The two norms differ in the mean, which RMSNorm does not take away, and in their statistics:
// mean and rstd of a row against rstd alone.
template <bool kCentred>
struct Statistics {
  static constexpr int kCount = kCentred ? 2 : 1;
  static float mean(const float* stats) { return kCentred ? stats[0] : 0.0f; }
  static float rstd(const float* stats) { return stats[kCount - 1]; }
};

// (x - mean) * rstd; lanes from n on become 0.
template <bool kCentred>
RANKSCOPE_INLINE inline F16 normalized(const float* x, int64_t n, float mean, F16 mean16,
                                       F16 rstd16) {
  const F16 value = F16::load_first(x, n, mean);
  return (kCentred ? value - mean16 : value) * rstd16;
}

template <bool kCentred>
void norm_rows(const float* x, int64_t x_stride, const float* gain, const float* bias,
               float epsilon, int64_t rows, int64_t cols, float* out, int64_t out_stride,
               float* stats) {
  const float width = static_cast<float>(cols);
  for (int64_t i = 0; i < rows; ++i) {
    const float* xr = x + i * x_stride;
    float* to = out + i * out_stride;
    float mean = 0.0f;
    if (kCentred) {
      Running total = Running::broadcast(0.0f);
      each_numbered_chunk(cols, [&](int64_t c, int64_t n, int j) RANKSCOPE_INLINE {
        total.value[j] = total.value[j] + F16::load_first(xr + c, n);
      });
      mean = total.total() / width;
    }
    const F16 mean16 = F16::broadcast(mean);
    Running squares = Running::broadcast(0.0f);
    each_numbered_chunk(cols, [&](int64_t c, int64_t n, int j) RANKSCOPE_INLINE {
      F16 d = F16::load_first(xr + c, n, mean);
      if (kCentred) d = d - mean16;
      squares.value[j] = multiply_add(d, d, squares.value[j]);
    });
    const float rstd = 1.0f / __builtin_sqrtf(squares.total() / width + epsilon);
    float* kept = stats + i * Statistics<kCentred>::kCount;
    if (kCentred) kept[0] = mean;
    kept[Statistics<kCentred>::kCount - 1] = rstd;
    const F16 rstd16 = F16::broadcast(rstd);
    if (bias) {
      each_chunk(cols, [&](int64_t c, int64_t n) RANKSCOPE_INLINE {
        multiply_add(normalized<kCentred>(xr + c, n, mean, mean16, rstd16),
                     F16::load_first(gain + c, n), F16::load_first(bias + c, n))
            .store_first(to + c, n);
      });
    } else {
      each_chunk(cols, [&](int64_t c, int64_t n) RANKSCOPE_INLINE {
        (normalized<kCentred>(xr + c, n, mean, mean16, rstd16) * F16::load_first(gain + c, n))
            .store_first(to + c, n);
      });
    }
  }
}

// With g = dout * gain and y the normalized x:
//   LayerNorm: dx = rstd * (g - mean(g) - y * mean(g * y));  RMSNorm: the same without mean(g).
template <bool kCentred>
void norm_rows_dx(const float* x, int64_t x_stride, const float* gain, const float* stats,
                  const float* dout, int64_t dout_stride, bool accumulate, int64_t rows,
                  int64_t cols, float* dx, int64_t dx_stride) {
  using Stats = Statistics<kCentred>;
  const float width = static_cast<float>(cols);
  for (int64_t i = 0; i < rows; ++i) {
    const float* xr = x + i * x_stride;
    const float* dr = dout + i * dout_stride;
    float* to = dx + i * dx_stride;
    const float* kept = stats + i * Stats::kCount;
    const float mean = Stats::mean(kept);
    const F16 mean16 = F16::broadcast(mean), rstd16 = F16::broadcast(Stats::rstd(kept));
    Running g_total = Running::broadcast(0.0f), gy_total = Running::broadcast(0.0f);
    each_numbered_chunk(cols, [&](int64_t c, int64_t n, int j) RANKSCOPE_INLINE {
      const F16 y = normalized<kCentred>(xr + c, n, mean, mean16, rstd16);
      const F16 d = F16::load_first(dr + c, n), a = F16::load_first(gain + c, n);
      if (kCentred) g_total.value[j] = multiply_add(d, a, g_total.value[j]);
      gy_total.value[j] = multiply_add(d * a, y, gy_total.value[j]);
    });
    const F16 g_mean = F16::broadcast(kCentred ? -(g_total.total() / width) : 0.0f);
    const F16 gy_mean = F16::broadcast(-(gy_total.total() / width));
    auto gradient = [&](int64_t c, int64_t n) RANKSCOPE_INLINE {
      const F16 y = normalized<kCentred>(xr + c, n, mean, mean16, rstd16);
      const F16 d = F16::load_first(dr + c, n), a = F16::load_first(gain + c, n);
      const F16 g = kCentred ? multiply_add(d, a, g_mean) : d * a;
      return multiply_add(y, gy_mean, g);
    };
    if (accumulate) {
      each_chunk(cols, [&](int64_t c, int64_t n) RANKSCOPE_INLINE {
        multiply_add(gradient(c, n), rstd16, F16::load_first(to + c, n)).store_first(to + c, n);
      });
    } else {
      each_chunk(cols, [&](int64_t c, int64_t n)
                           RANKSCOPE_INLINE { (gradient(c, n) * rstd16).store_first(to + c, n); });
    }
  }
}

// Rows whose sum is formed in registers before it is added to memory.
constexpr int64_t kRowBlock = 64;

// dgain += sum of dout * y, dbias += sum of dout, over `rows` rows; kChunks chunks of columns,
// the last of them n wide.
template <bool kCentred, int kChunks>
RANKSCOPE_INLINE inline void dgain_strip(const float* x, int64_t x_stride, const float* stats,
                                         const float* dout, int64_t dout_stride, int64_t rows,
                                         int64_t n, float* dgain, float* dbias) {
  using Stats = Statistics<kCentred>;
  F16 gains[kChunks], biases[kChunks];
  for (int j = 0; j < kChunks; ++j) gains[j] = biases[j] = F16::zero();
  for (int64_t i = 0; i < rows; ++i) {
    const float* kept = stats + i * Stats::kCount;
    const float mean = Stats::mean(kept);
    const F16 mean16 = F16::broadcast(mean), rstd16 = F16::broadcast(Stats::rstd(kept));
    for (int j = 0; j < kChunks; ++j) {
      const F16 y = normalized<kCentred>(x + i * x_stride + j * kLanes, n, mean, mean16, rstd16);
      const F16 d = F16::load_first(dout + i * dout_stride + j * kLanes, n);
      gains[j] = multiply_add(d, y, gains[j]);
      biases[j] = biases[j] + d;
    }
  }
  for (int j = 0; j < kChunks; ++j) {
    float* gain = dgain + j * kLanes;
    if (dgain) (F16::load_first(gain, n) + gains[j]).store_first(gain, n);
    float* bias = dbias + j * kLanes;
    if (dbias) (F16::load_first(bias, n) + biases[j]).store_first(bias, n);
  }
}

template <bool kCentred>
void norm_dgain(const float* x, int64_t x_stride, const float* stats, const float* dout,
                int64_t dout_stride, int64_t rows, int64_t col_begin, int64_t col_end, float* dgain,
                float* dbias) {
  constexpr int kStrip = 4;
  for (int64_t i = 0; i < rows; i += kRowBlock) {
    const int64_t count = rows - i < kRowBlock ? rows - i : kRowBlock;
    const float* kept = stats + i * Statistics<kCentred>::kCount;
    const float* xr = x + i * x_stride;
    const float* dr = dout + i * dout_stride;
    int64_t c = col_begin;
    for (; c + kStrip * kLanes <= col_end; c += kStrip * kLanes)
      dgain_strip<kCentred, kStrip>(xr + c, x_stride, kept, dr + c, dout_stride, count, kLanes,
                                    dgain ? dgain + c : nullptr, dbias ? dbias + c : nullptr);
    for (; c < col_end; c += kLanes)
      dgain_strip<kCentred, 1>(xr + c, x_stride, kept, dr + c, dout_stride, count, col_end - c,
                               dgain ? dgain + c : nullptr, dbias ? dbias + c : nullptr);
  }
}

}  // namespace

void layer_norm(const float* x, int64_t x_stride, const float* gain, const float* bias,
                float epsilon, int64_t rows, int64_t cols, float* out, int64_t out_stride,
                float* stats) {
  norm_rows<true>(x, x_stride, gain, bias, epsilon, rows, cols, out, out_stride, stats);
}

void layer_norm_dx(const float* x, int64_t x_stride, const float* gain, const float* stats,
                   const float* dout, int64_t dout_stride, bool accumulate, int64_t rows,
                   int64_t cols, float* dx, int64_t dx_stride) {
  norm_rows_dx<true>(x, x_stride, gain, stats, dout, dout_stride, accumulate, rows, cols, dx,
                     dx_stride);
}

void layer_norm_dgain(const float* x, int64_t x_stride, const float* stats, const float* dout,
                      int64_t dout_stride, int64_t rows, int64_t col_begin, int64_t col_end,
                      float* dgain, float* dbias) {
  norm_dgain<true>(x, x_stride, stats, dout, dout_stride, rows, col_begin, col_end, dgain, dbias);
}

void rms_norm(const float* x, int64_t x_stride, const float* gain, float epsilon, int64_t rows,
              int64_t cols, float* out, int64_t out_stride, float* stats) {
  norm_rows<false>(x, x_stride, gain, nullptr, epsilon, rows, cols, out, out_stride, stats);
}

void rms_norm_dx(const float* x, int64_t x_stride, const float* gain, const float* stats,
                 const float* dout, int64_t dout_stride, bool accumulate, int64_t rows,
                 int64_t cols, float* dx, int64_t dx_stride) {
  norm_rows_dx<false>(x, x_stride, gain, stats, dout, dout_stride, accumulate, rows, cols, dx,
                      dx_stride);
}

void rms_norm_dgain(const float* x, int64_t x_stride, const float* stats, const float* dout,
                    int64_t dout_stride, int64_t rows, int64_t col_begin, int64_t col_end,
                    float* dgain) {
  norm_dgain<false>(x, x_stride, stats, dout, dout_stride, rows, col_begin, col_end, dgain,
                    nullptr);
}

}  // namespace rankscope::cpu::RANKSCOPE_ISA
