// What finds the largest element of a product's row without forming the row: products of bytes,
// four to a 32-bit lane, and bounds on how far they lie from the sums of floats. Only for
// processors with AVX-512's dot products of bytes (VNNI).
#include "engine/backend/cpu/kernels/screen.h"

#include "engine/backend/cpu/kernels/columns.h"
#include "engine/backend/cpu/kernels/half_sources.h"
#include "engine/backend/cpu/kernels/product.h"

namespace rankscope::cpu::RANKSCOPE_ISA {

#if defined(__AVX512F__)

namespace {

constexpr int kRows = 12;
constexpr int64_t kGroupBytes = 2 * 64;  // four bytes of each of a panel's columns
// Bytes ahead that a panel is fetched.
constexpr int64_t kPrefetch = 4096;

// sum += left x right, four products in each lane. In place of the intrinsic, around which the
// compiler moves every accumulator to another register and back: twice the time.
RANKSCOPE_INLINE void add_byte_products(__m512i left, __m512i right, __m512i& sum) {
  __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(left), "v"(right));
}

template <int rows>
void byte_tile(const ByteProduct& t, const uint8_t* left, const float* row_scales, int64_t panel,
               float* out) {
  __m512i sums[rows][2];
#pragma GCC unroll 12
  for (int i = 0; i < rows; ++i) sums[i][0] = sums[i][1] = _mm512_setzero_si512();
  const int8_t* right = t.panels + panel * t.groups * kGroupBytes;
  for (int64_t g = 0; g < t.groups; ++g) {
    const __m512i low = _mm512_loadu_si512(right);
    const __m512i high = _mm512_loadu_si512(right + 64);
    __builtin_prefetch(right + kPrefetch);
    __builtin_prefetch(right + kPrefetch + 64);
    right += kGroupBytes;
#pragma GCC unroll 12
    for (int i = 0; i < rows; ++i) {
      int32_t four;
      __builtin_memcpy(&four, left + i * t.left_stride + 4 * g, sizeof four);
      const __m512i x = _mm512_set1_epi32(four);
      add_byte_products(x, low, sums[i][0]);
      add_byte_products(x, high, sums[i][1]);
    }
  }
  const int64_t first = panel * kPanel;
#pragma GCC unroll 2
  for (int j = 0; j < 2; ++j) {
    const __m512i offset = _mm512_loadu_si512(t.offsets + first + j * kLanes);
    const __m512 scale = _mm512_loadu_ps(t.scales + first + j * kLanes);
#pragma GCC unroll 12
    for (int i = 0; i < rows; ++i) {
      const __m512 sum = _mm512_cvtepi32_ps(_mm512_sub_epi32(sums[i][j], offset));
      _mm512_storeu_ps(out + i * t.out_stride + first + j * kLanes,
                       _mm512_mul_ps(_mm512_mul_ps(sum, scale), _mm512_set1_ps(row_scales[i])));
    }
  }
}

// The elements of `count` columns at a time: as many chains of multiply-adds beside one another.
template <typename Source, int count>
void chains(const float* left, const typename Source::Element* const* columns, int64_t k,
            float* out) {
  float sums[count] = {};
  for (int64_t p = 0; p < k; ++p) {
#pragma GCC unroll 8
    for (int i = 0; i < count; ++i)
      sums[i] = __builtin_fmaf(Source::widen_one(columns[i] + p), left[p], sums[i]);
  }
  for (int i = 0; i < count; ++i) out[i] = sums[i];
}

template <typename Source>
void products_of(const float* left, const void* right, int64_t stride, int64_t k,
                 const int32_t* columns, int64_t count, float* out) {
  constexpr int kBeside = 8;
  const auto* const data = static_cast<const typename Source::Element*>(right);
  for (int64_t begin = 0; begin < count; begin += kBeside) {
    const typename Source::Element* at[kBeside];
    const int64_t n = count - begin < kBeside ? count - begin : kBeside;
    for (int64_t i = 0; i < kBeside; ++i) at[i] = data + columns[begin + (i < n ? i : 0)] * stride;
    float sums[kBeside];
    chains<Source, kBeside>(left, at, k, sums);
    for (int64_t i = 0; i < n; ++i) out[begin + i] = sums[i];
  }
}

}  // namespace

bool has_byte_products() { return __builtin_cpu_supports("avx512vnni"); }

ByteRow bytes_of_row(const float* row, int64_t k, uint8_t* bytes, int64_t padded) {
  F16 top = F16::zero();
  each_chunk(k, [&](int64_t c, int64_t n) RANKSCOPE_INLINE {
    const F16 x = F16::load_first(row + c, n);
    top = maximum(top, maximum(x, F16::zero() - x));
  });
  ByteRow result{largest(top) / 127.0f, 0.0f, 0.0f};
  const F16 scale = F16::broadcast(result.scale);
  const float inverse = result.scale > 0.0f ? 1.0f / result.scale : 0.0f;
  F16 squares = F16::zero(), left_over = F16::zero();
  each_chunk(k, [&](int64_t c, int64_t n) RANKSCOPE_INLINE {
    const F16 x = F16::load_first(row + c, n);
    // Of what is not finite, some byte: the norm says so.
    const __m512i whole = _mm512_max_epi32(
        _mm512_min_epi32(_mm512_cvtps_epi32(_mm512_mul_ps(x.part[0], _mm512_set1_ps(inverse))),
                         _mm512_set1_epi32(127)),
        _mm512_set1_epi32(-127));
    F16 rounded;
    rounded.part[0] = _mm512_cvtepi32_ps(whole);
    const F16 rest = x - rounded * scale;
    squares = multiply_add(x, x, squares);
    left_over = multiply_add(rest, rest, left_over);
    const __m128i four = _mm512_cvtepi32_epi8(_mm512_add_epi32(whole, _mm512_set1_epi32(128)));
    _mm_mask_storeu_epi8(bytes + c, static_cast<__mmask16>((1u << n) - 1), four);
  });
  for (int64_t i = k; i < padded; ++i) bytes[i] = 128;
  result.norm = __builtin_sqrtf(sum(squares));
  result.rest_norm = __builtin_sqrtf(sum(left_over));
  return result;
}

void byte_product(const ByteProduct& t, int64_t panel_begin, int64_t panel_end) {
  for (int64_t panel = panel_begin; panel < panel_end; ++panel) {
    for (int64_t i = 0; i < t.rows; i += kRows) {
      const uint8_t* left = t.left + i * t.left_stride;
      const float* scales = t.row_scales + i;
      float* out = t.out + i * t.out_stride;
      switch (t.rows - i < kRows ? t.rows - i : kRows) {
#define RANKSCOPE_CASE(n)                      \
  case n:                                      \
    byte_tile<n>(t, left, scales, panel, out); \
    break;
        RANKSCOPE_CASE(1)
        RANKSCOPE_CASE(2)
        RANKSCOPE_CASE(3)
        RANKSCOPE_CASE(4)
        RANKSCOPE_CASE(5)
        RANKSCOPE_CASE(6)
        RANKSCOPE_CASE(7)
        RANKSCOPE_CASE(8)
        RANKSCOPE_CASE(9)
        RANKSCOPE_CASE(10)
        RANKSCOPE_CASE(11)
        RANKSCOPE_CASE(12)
#undef RANKSCOPE_CASE
      }
    }
  }
}

int64_t screened_columns(const float* estimates, const float* by_norm, const float* by_rest,
                         int64_t cols, float norm, float rest_norm, int32_t* columns,
                         int64_t most) {
  // Of what lies below the smallest normal number, sums may lose all.
  constexpr float kLeast = 1e-30f;
  const F16 alpha = F16::broadcast(norm), beta = F16::broadcast(rest_norm);
  const F16 least = F16::broadcast(kLeast), none = F16::broadcast(-__builtin_inff());
  const auto bound_of = [&](int64_t c, int64_t n) RANKSCOPE_INLINE {
    return multiply_add(alpha, F16::load_first(by_norm + c, n),
                        multiply_add(beta, F16::load_first(by_rest + c, n), least));
  };
  // Some column reaches this.
  F16 reached = none;
  each_chunk(cols, [&](int64_t c, int64_t n) RANKSCOPE_INLINE {
    reached =
        maximum(F16::load_first(estimates + c, n, -__builtin_inff()) - bound_of(c, n), reached);
  });
  const float threshold = largest(reached);
  if (!(threshold > -__builtin_inff())) return 0;
  const __m512 wanted = _mm512_set1_ps(threshold);
  int64_t found = 0;
  for (int64_t c = 0; c < cols; c += kLanes) {
    const int64_t n = cols - c < kLanes ? cols - c : kLanes;
    const F16 highest = F16::load_first(estimates + c, n, -__builtin_inff()) + bound_of(c, n);
    uint32_t mask = _mm512_cmp_ps_mask(highest.part[0], wanted, _CMP_GE_OQ);
    for (; mask != 0; mask &= mask - 1) {
      if (found == most) return most + 1;
      columns[found++] = static_cast<int32_t>(c + __builtin_ctz(mask));
    }
  }
  return found;
}

void column_products(const float* left, const void* right, int dtype, int64_t stride, int64_t k,
                     const int32_t* columns, int64_t count, float* out) {
  with_source(dtype, [&](auto source) {
    products_of<decltype(source)>(left, right, stride, k, columns, count, out);
  });
}

#else

bool has_byte_products() { return false; }
ByteRow bytes_of_row(const float*, int64_t, uint8_t*, int64_t) { return {}; }
void byte_product(const ByteProduct&, int64_t, int64_t) {}
int64_t screened_columns(const float*, const float*, const float*, int64_t, float, float, int32_t*,
                         int64_t) {
  return 0;
}
void column_products(const float*, const void*, int, int64_t, int64_t, const int32_t*, int64_t,
                     float*) {}

#endif

}  // namespace rankscope::cpu::RANKSCOPE_ISA
