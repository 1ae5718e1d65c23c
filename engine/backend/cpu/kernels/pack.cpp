// Packing of right operands into panels, from whatever orientation a checkpoint has.
#include "engine/backend/cpu/kernels/half_sources.h"
#include "engine/backend/cpu/kernels/product.h"
#include "engine/backend/cpu/kernels/transpose.h"

namespace rankscope::cpu::RANKSCOPE_ISA {

namespace {

// Where column j of a panel lies in a row of it. Of BF16, columns j and j + kNativeLanes share a
// word, so that one load and an instruction each widen two vectors; F16 has an instruction for it
// that takes elements in order.
template <typename Source>
constexpr int64_t place(int64_t j) {
  return j;
}
template <>
constexpr int64_t place<BF16Source>(int64_t j) {
  return j < kNativeLanes ? 2 * j : 2 * (j - kNativeLanes) + 1;
}

// Rows [0, kNativeLanes) of a panel's columns [0, kNativeLanes), from columns that lie col_step
// apart.
void pack_square(const float* source, int64_t col_step, float* to) {
  NativeF rows[kNativeLanes];
#pragma GCC unroll 16
  for (int j = 0; j < kNativeLanes; ++j) rows[j] = load_native(source + j * col_step);
  transpose(rows);
#pragma GCC unroll 16
  for (int i = 0; i < kNativeLanes; ++i) store_native(to + i * kPanel, rows[i]);
}

template <typename Source, typename Element = typename Source::Element>
void pack_elements(const Element* source, int64_t row_step, int64_t col_step, int64_t k, int64_t n,
                   int64_t panel_begin, int64_t panel_end, Element* panels) {
  for (int64_t panel = panel_begin; panel < panel_end; ++panel) {
    Element* to = panels + panel * k * kPanel;
    const int64_t col = panel * kPanel;
    const int64_t width = n - col < kPanel ? n - col : kPanel;
    if (width < kPanel) __builtin_memset(to, 0, sizeof(Element) * static_cast<size_t>(k * kPanel));
    if (col_step == 1) {
      for (int64_t p = 0; p < k; ++p) {
        const Element* row = source + p * row_step + col;
        if (sizeof(Element) == sizeof(float) && width == kPanel)
          __builtin_memcpy(to + p * kPanel, row, kPanel * sizeof(float));
        else
          for (int64_t j = 0; j < width; ++j) to[p * kPanel + place<Source>(j)] = row[j];
      }
      continue;
    }
    // A transposition: blocks of 16 rows keep both the source's and the panel's lines in cache.
    for (int64_t p = 0; p < k; p += kLanes) {
      const int64_t count = k - p < kLanes ? k - p : kLanes;
      int64_t j = 0;
      if constexpr (sizeof(Element) == sizeof(float)) {
        if (row_step == 1 && count == kLanes)
          for (; j + kNativeLanes <= width; j += kNativeLanes)
            for (int64_t i = 0; i < kLanes; i += kNativeLanes)
              pack_square(source + (col + j) * col_step + p + i, col_step,
                          to + (p + i) * kPanel + j);
      }
      for (; j < width; ++j) {
        const Element* from = source + (col + j) * col_step + p * row_step;
        Element values[kLanes];
        if (row_step == 1 && count == kLanes)
          __builtin_memcpy(values, from, sizeof values);
        else
          for (int64_t i = 0; i < count; ++i) values[i] = from[i * row_step];
        for (int64_t i = 0; i < count; ++i) to[(p + i) * kPanel + place<Source>(j)] = values[i];
      }
    }
  }
}

}  // namespace

void pack_panels(const void* data, int dtype, int64_t row_step, int64_t col_step, int64_t k,
                 int64_t n, int64_t panel_begin, int64_t panel_end, void* panels) {
  with_source(dtype, [&](auto type) {
    using Source = decltype(type);
    using Element = typename Source::Element;
    pack_elements<Source>(static_cast<const Element*>(data), row_step, col_step, k, n, panel_begin,
                          panel_end, static_cast<Element*>(panels));
  });
}

}  // namespace rankscope::cpu::RANKSCOPE_ISA
