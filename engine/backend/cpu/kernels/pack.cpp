// Packing of right operands into panels, from whatever type and orientation a checkpoint has.
#include "engine/backend/cpu/kernels/product.h"

namespace rankscope::cpu::RANKSCOPE_ISA {

namespace {

inline float from_bf16(uint16_t h) {
  const uint32_t bits = static_cast<uint32_t>(h) << 16;
  float f;
  __builtin_memcpy(&f, &bits, sizeof f);
  return f;
}

inline float from_f16(uint16_t h) {
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000u) << 16;
  const uint32_t exponent = (h >> 10) & 0x1Fu, mantissa = h & 0x3FFu;
  uint32_t bits;
  if (exponent == 31) {
    bits = sign | 0x7F800000u | mantissa << 13;
  } else if (exponent != 0) {
    bits = sign | (exponent + 112) << 23 | mantissa << 13;
  } else {  // subnormal: mantissa * 2^-24, exact in fp32
    const float f = static_cast<float>(mantissa) * 0x1p-24f;
    __builtin_memcpy(&bits, &f, sizeof bits);
    bits |= sign;
  }
  float f;
  __builtin_memcpy(&f, &bits, sizeof f);
  return f;
}

struct F32Source {
  const float* p;
  float operator[](int64_t i) const { return p[i]; }
};
struct F16Source {
  const uint16_t* p;
  float operator[](int64_t i) const { return from_f16(p[i]); }
};
struct BF16Source {
  const uint16_t* p;
  float operator[](int64_t i) const { return from_bf16(p[i]); }
};

template <typename Source>
void pack_from(Source source, int64_t row_step, int64_t col_step, int64_t k, int64_t n,
               int64_t panel_begin, int64_t panel_end, float* panels) {
  for (int64_t panel = panel_begin; panel < panel_end; ++panel) {
    float* to = panels + panel * k * kPanel;
    const int64_t col = panel * kPanel;
    const int64_t width = n - col < kPanel ? n - col : kPanel;
    if (col_step == 1) {
      for (int64_t p = 0; p < k; ++p) {
        const int64_t from = p * row_step + col;
        for (int64_t j = 0; j < width; ++j) to[p * kPanel + j] = source[from + j];
        for (int64_t j = width; j < kPanel; ++j) to[p * kPanel + j] = 0.0f;
      }
      continue;
    }
    // A transposition: blocks of 16 rows keep both the sources' and the panel's lines in cache.
    for (int64_t p0 = 0; p0 < k; p0 += 16) {
      const int64_t p1 = p0 + 16 < k ? p0 + 16 : k;
      for (int64_t j = 0; j < width; ++j) {
        const int64_t from = (col + j) * col_step;
        for (int64_t p = p0; p < p1; ++p) to[p * kPanel + j] = source[from + p * row_step];
      }
      for (int64_t p = p0; p < p1; ++p)
        for (int64_t j = width; j < kPanel; ++j) to[p * kPanel + j] = 0.0f;
    }
  }
}

}  // namespace

void pack_panels(const void* data, int dtype, int64_t row_step, int64_t col_step, int64_t k,
                 int64_t n, int64_t panel_begin, int64_t panel_end, float* panels) {
  if (dtype == 0)
    pack_from(F32Source{static_cast<const float*>(data)}, row_step, col_step, k, n, panel_begin,
              panel_end, panels);
  else if (dtype == 1)
    pack_from(F16Source{static_cast<const uint16_t*>(data)}, row_step, col_step, k, n, panel_begin,
              panel_end, panels);
  else
    pack_from(BF16Source{static_cast<const uint16_t*>(data)}, row_step, col_step, k, n, panel_begin,
              panel_end, panels);
}

}  // namespace rankscope::cpu::RANKSCOPE_ISA
