// Packing of right operands into panels, from whatever type and orientation a checkpoint has.
#include "engine/backend/cpu/kernels/half_sources.h"
#include "engine/backend/cpu/kernels/product.h"

namespace rankscope::cpu::RANKSCOPE_ISA {

namespace {

// `count` elements from `from`, `step` apart, as floats; the rest of `to` is zero.
template <typename Source>
void widen_strided(const typename Source::Element* from, int64_t step, int64_t count,
                   float to[kLanes]) {
  if (step == 1 && count == kLanes) return Source::widen(from).store(to);
  typename Source::Element buffer[kLanes] = {};
  for (int64_t i = 0; i < count; ++i) buffer[i] = from[i * step];
  Source::widen(buffer).store(to);
}

template <typename Source>
void pack_from(const void* data, int64_t row_step, int64_t col_step, int64_t k, int64_t n,
               int64_t panel_begin, int64_t panel_end, float* panels) {
  const auto* source = static_cast<const typename Source::Element*>(data);
  float values[kLanes];
  for (int64_t panel = panel_begin; panel < panel_end; ++panel) {
    float* to = panels + panel * k * kPanel;
    const int64_t col = panel * kPanel;
    const int64_t width = n - col < kPanel ? n - col : kPanel;
    if (width < kPanel) __builtin_memset(to, 0, sizeof(float) * static_cast<size_t>(k * kPanel));
    if (col_step == 1) {
      for (int64_t p = 0; p < k; ++p)
        for (int64_t j = 0; j < width; j += kLanes) {
          const int64_t count = width - j < kLanes ? width - j : kLanes;
          widen_strided<Source>(source + p * row_step + col + j, 1, count, values);
          __builtin_memcpy(to + p * kPanel + j, values, sizeof(float) * static_cast<size_t>(count));
        }
      continue;
    }
    // A transposition: blocks of 16 rows keep both the source's and the panel's lines in cache.
    for (int64_t p = 0; p < k; p += kLanes) {
      const int64_t count = k - p < kLanes ? k - p : kLanes;
      for (int64_t j = 0; j < width; ++j) {
        widen_strided<Source>(source + (col + j) * col_step + p * row_step, row_step, count,
                              values);
        for (int64_t i = 0; i < count; ++i) to[(p + i) * kPanel + j] = values[i];
      }
    }
  }
}

}  // namespace

void pack_panels(const void* data, int dtype, int64_t row_step, int64_t col_step, int64_t k,
                 int64_t n, int64_t panel_begin, int64_t panel_end, float* panels) {
  with_source(dtype, [&](auto source) {
    pack_from<decltype(source)>(data, row_step, col_step, k, n, panel_begin, panel_end, panels);
  });
}

}  // namespace rankscope::cpu::RANKSCOPE_ISA
