// Dropout from the keyed counter generator, thirty-two columns at a time.
#include "engine/backend/cpu/kernels/columns.h"
#include "engine/backend/cpu/kernels/row_kernels.h"

namespace rankscope::cpu::RANKSCOPE_ISA {

namespace {

// 32-bit words in the low halves of 64-bit lanes, the form that vector multiplications take; what
// stands in the upper halves does not matter.
constexpr int kWideLanes = kNativeLanes / 2;
typedef uint64_t Wide __attribute__((vector_size(kNativeLanes * 4)));
typedef uint32_t Words __attribute__((vector_size(kNativeLanes * 4)));

// The 64-bit products of the low halves.
RANKSCOPE_INLINE inline Wide multiply_words(Wide a, Wide b) {
#if defined(__AVX512F__)
  return reinterpret_cast<Wide>(
      _mm512_maskz_mul_epu32(0xFF, reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#elif defined(__AVX2__)
  return reinterpret_cast<Wide>(
      _mm256_mul_epu32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
#elif defined(__SSE2__)
  return reinterpret_cast<Wide>(
      _mm_mul_epu32(reinterpret_cast<__m128i>(a), reinterpret_cast<__m128i>(b)));
#else
  return (a & 0xFFFFFFFFu) * (b & 0xFFFFFFFFu);
#endif
}

// Lane i of the eight computes block 4 (i % 2) + i / 2: then taking the even and the odd lanes
// apart at the end leaves the columns in order.
#if defined(__AVX512F__)
constexpr Wide kBlockOfLane = {0, 4, 1, 5, 2, 6, 3, 7};
#define RANKSCOPE_EVEN_WORDS 0, 8, 2, 10, 4, 12, 6, 14
#define RANKSCOPE_ODD_WORDS 1, 9, 3, 11, 5, 13, 7, 15
#elif defined(__AVX__)
constexpr Wide kBlockOfLane = {0, 4, 1, 5};
#define RANKSCOPE_EVEN_WORDS 0, 4, 2, 6
#define RANKSCOPE_ODD_WORDS 1, 5, 3, 7
#else
constexpr Wide kBlockOfLane = {0, 4};
#define RANKSCOPE_EVEN_WORDS 0, 2
#define RANKSCOPE_ODD_WORDS 1, 3
#endif

struct Words32 {
  Words first[kParts], second[kParts];  // columns 0 to 15, 16 to 31
};

// The words of 32 columns: those of blocks `block` to `block` + 7 of Philox4x32-10, as in
// common/philox.h, which is restated here lane by lane.
RANKSCOPE_INLINE inline Words32 philox_words(uint32_t block, uint64_t row_id,
                                             const uint32_t key[2]) {
  const Wide multiplier0 = Wide{} + 0xD2511F53u, multiplier1 = Wide{} + 0xCD9E8D57u;
  Wide x0[kParts], x1[kParts], x2[kParts], x3[kParts];
  for (int p = 0; p < kParts; ++p) {
    x0[p] = kBlockOfLane + static_cast<uint64_t>(block + static_cast<uint32_t>(p * kWideLanes / 2));
    x1[p] = Wide{};
    x2[p] = Wide{} + (row_id & 0xFFFFFFFFu);
    x3[p] = Wide{} + (row_id >> 32);
  }
  uint32_t key0 = key[0], key1 = key[1];
  for (int round = 0; round < 10; ++round) {
    for (int p = 0; p < kParts; ++p) {
      const Wide product0 = multiply_words(x0[p], multiplier0);
      const Wide product1 = multiply_words(x2[p], multiplier1);
      x0[p] = (product1 >> 32) ^ x1[p] ^ (Wide{} + key0);
      x1[p] = product1;
      x2[p] = (product0 >> 32) ^ x3[p] ^ (Wide{} + key1);
      x3[p] = product0;
    }
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  Words32 r;
  for (int p = 0; p < kParts; ++p) {
    const Wide low = (x0[p] & 0xFFFFFFFFu) | x1[p] << 32;
    const Wide high = (x2[p] & 0xFFFFFFFFu) | x3[p] << 32;
    r.first[p] = reinterpret_cast<Words>(__builtin_shufflevector(low, high, RANKSCOPE_EVEN_WORDS));
    r.second[p] = reinterpret_cast<Words>(__builtin_shufflevector(low, high, RANKSCOPE_ODD_WORDS));
  }
  return r;
}

// scale where the word is at least the threshold, else 0.
RANKSCOPE_INLINE inline F16 factors(const Words words[kParts], uint32_t threshold, float scale) {
  F16 r;
  for (int p = 0; p < kParts; ++p)
    r.part[p] = words[p] >= Words{} + threshold ? NativeF{} + scale : NativeF{};
  return r;
}

}  // namespace

void dropout(const float* x, int64_t x_stride, int64_t rows, int64_t cols, float p,
             const uint32_t key[2], const uint64_t* row_ids, bool accumulate, float* out,
             int64_t out_stride) {
  // p * 2^32 is a whole number for p >= 2^-8 (24 significant bits); below that it is rounded up, so
  // that word >= threshold says the same as word >= p * 2^32. With p = 1 nothing is kept.
  const bool none = p >= 1.0f;
  const uint32_t threshold =
      none ? 0xFFFFFFFFu : static_cast<uint32_t>(__builtin_ceil(static_cast<double>(p) * 0x1p32));
  const float scale = none ? 0.0f : static_cast<float>(1.0 / (1.0 - static_cast<double>(p)));
  for (int64_t i = 0; i < rows; ++i) {
    const float* from = x + i * x_stride;
    float* to = out + i * out_stride;
    auto apply = [&](int64_t c, int64_t n, F16 factor) RANKSCOPE_INLINE {
      const F16 value = F16::load_first(from + c, n);
      const F16 result =
          accumulate ? multiply_add(value, factor, F16::load_first(to + c, n)) : value * factor;
      result.store_first(to + c, n);
    };
    for (int64_t c = 0; c < cols; c += 2 * kLanes) {
      const Words32 words = philox_words(static_cast<uint32_t>(c / 4), row_ids[i], key);
      apply(c, cols - c, factors(words.first, threshold, scale));
      if (cols - c > kLanes)
        apply(c + kLanes, cols - c - kLanes, factors(words.second, threshold, scale));
    }
  }
}

}  // namespace rankscope::cpu::RANKSCOPE_ISA
