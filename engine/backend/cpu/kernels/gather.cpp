// Rows of a table by their ids, from whatever type and orientation a checkpoint has.
#include "engine/backend/cpu/kernels/columns.h"
#include "engine/backend/cpu/kernels/half_sources.h"
#include "engine/backend/cpu/kernels/row_kernels.h"

namespace rankscope::cpu::RANKSCOPE_ISA {

namespace {

template <typename Source>
void gather_from(const void* table, int64_t row_step, int64_t col_step, int64_t cols,
                 const int32_t* ids, int64_t rows, bool accumulate, float* out,
                 int64_t out_stride) {
  using Element = typename Source::Element;
  for (int64_t i = 0; i < rows; ++i) {
    const Element* from = static_cast<const Element*>(table) + ids[i] * row_step;
    float* to = out + i * out_stride;
    each_chunk(cols, [&](int64_t c, int64_t n) RANKSCOPE_INLINE {
      F16 value;
      if (n == kLanes && col_step == 1) {
        value = Source::widen(from + c);
      } else {
        Element buffer[kLanes] = {};
        for (int64_t j = 0; j < n; ++j) buffer[j] = from[(c + j) * col_step];
        value = Source::widen(buffer);
      }
      if (accumulate) value = F16::load_first(to + c, n) + value;
      value.store_first(to + c, n);
    });
  }
}

}  // namespace

void gather(const void* table, int dtype, int64_t row_step, int64_t col_step, int64_t cols,
            const int32_t* ids, int64_t rows, bool accumulate, float* out, int64_t out_stride) {
  with_source(dtype, [&](auto source) {
    gather_from<decltype(source)>(table, row_step, col_step, cols, ids, rows, accumulate, out,
                                  out_stride);
  });
}

}  // namespace rankscope::cpu::RANKSCOPE_ISA
