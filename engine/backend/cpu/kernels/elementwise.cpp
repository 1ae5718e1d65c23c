// Kernels in which every element stands alone, and the plain sums.
#include "engine/backend/cpu/kernels/columns.h"
#include "engine/backend/cpu/kernels/row_kernels.h"

namespace rankscope::cpu::RANKSCOPE_ISA {

namespace {

RANKSCOPE_INLINE inline F16 sigmoid(F16 x) {
  const F16 one = F16::broadcast(1.0f);
  return one / (one + exponential(negate(x)));
}

// out [kChunks chunks of columns, the last n wide] += the sum of `rows` rows.
template <int kChunks>
RANKSCOPE_INLINE inline void sum_strip(const float* x, int64_t x_stride, int64_t rows, int64_t n,
                                       float* out) {
  F16 total[kChunks];
  for (F16& t : total) t = F16::zero();
  for (int64_t i = 0; i < rows; ++i)
    for (int j = 0; j < kChunks; ++j)
      total[j] = total[j] + F16::load_first(x + i * x_stride + j * kLanes, n);
  for (int j = 0; j < kChunks; ++j)
    (F16::load_first(out + j * kLanes, n) + total[j]).store_first(out + j * kLanes, n);
}

}  // namespace

void rotary(float* x, int64_t x_stride, int64_t rows, int64_t heads, int64_t head_dim,
            const int32_t* positions, const float* cos, const float* sin, int64_t table_stride,
            bool inverse) {
  const int64_t half = head_dim / 2;
  const F16 sign = F16::broadcast(inverse ? -1.0f : 1.0f);
  for (int64_t i = 0; i < rows; ++i) {
    const float* cos_row = cos + positions[i] * table_stride;
    const float* sin_row = sin + positions[i] * table_stride;
    each_chunk(half, [&](int64_t c, int64_t n) RANKSCOPE_INLINE {
      const F16 cosine = F16::load_first(cos_row + c, n);
      const F16 sine = F16::load_first(sin_row + c, n) * sign;
      for (int64_t h = 0; h < heads; ++h) {
        float* low = x + i * x_stride + h * head_dim + c;
        float* high = low + half;
        const F16 a = F16::load_first(low, n), b = F16::load_first(high, n);
        multiply_add(a, cosine, negate(b * sine)).store_first(low, n);
        multiply_add(b, cosine, a * sine).store_first(high, n);
      }
    });
  }
}

void swiglu(const float* gate, const float* up, int64_t count, float* out) {
  each_chunk(count, [&](int64_t c, int64_t n) RANKSCOPE_INLINE {
    const F16 g = F16::load_first(gate + c, n);
    (g * sigmoid(g) * F16::load_first(up + c, n)).store_first(out + c, n);
  });
}

// With s = sigmoid(gate): dup = dout * gate * s, dgate = dout * up * s * (1 + gate * (1 - s)).
void swiglu_backward(const float* gate, const float* up, const float* dout, int64_t count,
                     float* dgate, float* dup) {
  const F16 one = F16::broadcast(1.0f);
  each_chunk(count, [&](int64_t c, int64_t n) RANKSCOPE_INLINE {
    const F16 g = F16::load_first(gate + c, n), u = F16::load_first(up + c, n);
    const F16 s = sigmoid(g), ds = F16::load_first(dout + c, n) * s;
    (ds * u * multiply_add(g, one - s, one)).store_first(dgate + c, n);
    (ds * g).store_first(dup + c, n);
  });
}

void add(const float* x, int64_t count, float* y) {
  each_chunk(count, [&](int64_t c, int64_t n) RANKSCOPE_INLINE {
    (F16::load_first(y + c, n) + F16::load_first(x + c, n)).store_first(y + c, n);
  });
}

void multiply(const float* x, int64_t count, float* y) {
  each_chunk(count, [&](int64_t c, int64_t n) RANKSCOPE_INLINE {
    (F16::load_first(y + c, n) * F16::load_first(x + c, n)).store_first(y + c, n);
  });
}

void column_sum(const float* x, int64_t x_stride, int64_t rows, int64_t col_begin, int64_t col_end,
                float* out) {
  constexpr int64_t kRowBlock = 64;
  constexpr int kStrip = 4;
  for (int64_t i = 0; i < rows; i += kRowBlock) {
    const int64_t count = rows - i < kRowBlock ? rows - i : kRowBlock;
    const float* xr = x + i * x_stride;
    int64_t c = col_begin;
    for (; c + kStrip * kLanes <= col_end; c += kStrip * kLanes)
      sum_strip<kStrip>(xr + c, x_stride, count, kLanes, out + c);
    for (; c < col_end; c += kLanes) sum_strip<1>(xr + c, x_stride, count, col_end - c, out + c);
  }
}

// Element i belongs to lane i % 32; the lanes are added in the order 32 -> 16 -> 8 -> ... -> 1.
double sum_of_squares(const float* x, int64_t count) {
  typedef float Floats __attribute__((vector_size(kNativeLanes * 2)));
  typedef double Doubles __attribute__((vector_size(kNativeLanes * 4)));
  constexpr int kDoubles = kNativeLanes / 2;
  constexpr int kSums = 32 / kDoubles;
  Doubles total[kSums];
  for (Doubles& t : total) t = Doubles{};
  auto add_squares = [&](const float* from) RANKSCOPE_INLINE {
    for (int j = 0; j < kSums; ++j) {
      Floats part;
      __builtin_memcpy(&part, from + j * kDoubles, sizeof part);
      const Doubles value = __builtin_convertvector(part, Doubles);
      total[j] = total[j] + value * value;
    }
  };
  int64_t i = 0;
  for (; i + 32 <= count; i += 32) add_squares(x + i);
  if (i < count) {
    float rest[32] = {};
    __builtin_memcpy(rest, x + i, static_cast<size_t>(count - i) * sizeof(float));
    add_squares(rest);
  }
  double lane[32];
  __builtin_memcpy(lane, total, sizeof lane);
  for (int width = 16; width > 0; width /= 2)
    for (int j = 0; j < width; ++j) lane[j] += lane[j + width];
  return lane[0];
}

// Order of operations as in torch.optim.AdamW's single-tensor form.
void adamw(double learning_rate, double beta1, double beta2, double epsilon, double weight_decay,
           int64_t step, double gradient_scale, int64_t count, float* parameter,
           const float* gradient, float* first_moment, float* second_moment) {
  const double steps = static_cast<double>(step);
  const double correction1 = 1.0 - __builtin_pow(beta1, steps);
  const double correction2 = 1.0 - __builtin_pow(beta2, steps);
  auto constant = [](double value) { return F16::broadcast(static_cast<float>(value)); };
  const F16 decay = constant(1.0 - learning_rate * weight_decay);
  const F16 keep1 = constant(beta1), take1 = constant(1.0 - beta1);
  const F16 keep2 = constant(beta2), take2 = constant(1.0 - beta2);
  const F16 root2 = constant(__builtin_sqrt(correction2)), eps = constant(epsilon);
  const F16 move = constant(-learning_rate / correction1), scale = constant(gradient_scale);
  each_chunk(count, [&](int64_t c, int64_t n) RANKSCOPE_INLINE {
    const F16 g = F16::load_first(gradient + c, n) * scale;
    const F16 m = multiply_add(F16::load_first(first_moment + c, n), keep1, g * take1);
    const F16 v = multiply_add(F16::load_first(second_moment + c, n), keep2, g * g * take2);
    const F16 denominator = square_root(v) / root2 + eps;
    const F16 decayed = F16::load_first(parameter + c, n) * decay;
    m.store_first(first_moment + c, n);
    v.store_first(second_moment + c, n);
    multiply_add(move, m / denominator, decayed).store_first(parameter + c, n);
  });
}

}  // namespace rankscope::cpu::RANKSCOPE_ISA
