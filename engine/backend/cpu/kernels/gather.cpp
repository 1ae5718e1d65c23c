// Rows of a table by their ids, from whatever type and orientation a checkpoint has.
#include "engine/backend/cpu/kernels/columns.h"
#include "engine/backend/cpu/kernels/row_kernels.h"

namespace rankscope::cpu::RANKSCOPE_ISA {

namespace {

typedef uint32_t Words __attribute__((vector_size(kNativeLanes * 4)));
typedef uint16_t Halves __attribute__((vector_size(kNativeLanes * 2)));

struct F32Source {
  using Element = float;
  static F16 widen(const float* values) { return F16::load(values); }
};

struct BF16Source {
  using Element = uint16_t;
  static F16 widen(const uint16_t* values) {
    F16 r;
    for (int i = 0; i < kParts; ++i) {
      Halves halves;
      __builtin_memcpy(&halves, values + i * kNativeLanes, sizeof halves);
      r.part[i] = reinterpret_cast<NativeF>(__builtin_convertvector(halves, Words) << 16);
    }
    return r;
  }
};

struct F16Source {
  using Element = uint16_t;
  // Exponent and mantissa move into place; a multiplication by 2^(127 - 15) mends the bias, of
  // subnormal numbers too. Infinities and NaN get the full exponent.
  static F16 widen(const uint16_t* values) {
    F16 r;
    for (int i = 0; i < kParts; ++i) {
      Halves halves;
      __builtin_memcpy(&halves, values + i * kNativeLanes, sizeof halves);
      const Words bits = __builtin_convertvector(halves, Words);
      const NativeF scaled = reinterpret_cast<NativeF>((bits & 0x7FFFu) << 13) * 0x1p112f;
      const Words special = (bits & 0x7C00u) == 0x7C00u ? Words{} + 0x7F800000u : Words{};
      r.part[i] = reinterpret_cast<NativeF>(reinterpret_cast<Words>(scaled) | special |
                                            (bits & 0x8000u) << 16);
    }
    return r;
  }
};

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
  auto from = [&](auto source) {
    gather_from<decltype(source)>(table, row_step, col_step, cols, ids, rows, accumulate, out,
                                  out_stride);
  };
  if (dtype == 0)
    from(F32Source{});
  else if (dtype == 1)
    from(F16Source{});
  else
    from(BF16Source{});
}

}  // namespace rankscope::cpu::RANKSCOPE_ISA
