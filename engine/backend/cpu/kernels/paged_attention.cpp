// Attention of one query over kept keys and values. Keys lie with their positions side by side, so
// that sixteen scores are formed at a time; a score's sum runs over the head's elements in order,
// and an output's over the positions in four interleaved parts, whatever else is computed.
#include "engine/backend/cpu/kernels/attention.h"
#include "engine/backend/cpu/kernels/columns.h"

namespace rankscope::cpu::RANKSCOPE_ISA {

namespace {

constexpr int64_t kPage = 16;  // kPageTokens of backend.h
static_assert(kPage == kLanes);

// Query heads that are worked on at a time: they share the loads of keys and values.
constexpr int kHeads = 4;
// Pages whose scores are formed at a time, so that enough sums run beside one another.
template <int heads>
constexpr int kPages = heads == 1   ? 4
                       : heads == 2 ? 3
                                    : 2;

// Whether the sums of two chunks of an output's columns fit into the registers beside one another:
// the loads of the weights are shared then.
template <int heads>
constexpr bool kPairs = kParts == 1 && heads < 4;

// Scores of `pages` pages from `page` on, of `heads` heads at q, to scores + head * stride. (Every
// loop over sums is unrolled whole: an array that is indexed in a loop lives in memory.)
template <int heads, int pages>
void score_pages(const PagedAttentionTask& t, const float* q, int64_t page, float* scores,
                 int64_t stride) {
  const float* keys[pages];
  const float* next_keys[pages];
  const float* values[pages];
  F16 total[heads][pages];
  const int64_t head = t.kv_head * t.head_dim * kPage;
  const int64_t last = (t.keys - 1) / kPage;
#pragma GCC unroll 4
  for (int j = 0; j < pages; ++j) {
    const int64_t next = page + j + pages;
    keys[j] = t.key_pages + t.pages[page + j] * t.page_stride + head;
    next_keys[j] = t.key_pages + t.pages[next < last ? next : last] * t.page_stride + head;
    values[j] = t.value_pages + t.pages[page + j] * t.page_stride + head;
#pragma GCC unroll 4
    for (int h = 0; h < heads; ++h) total[h][j] = F16::zero();
  }
  for (int64_t i = 0; i < t.head_dim; ++i) {
    F16 key[pages];
#pragma GCC unroll 4
    for (int j = 0; j < pages; ++j) {
      key[j] = F16::load(keys[j] + i * kPage);
      // A page lies by itself, too short for the processor's own look-ahead.
      __builtin_prefetch(next_keys[j] + i * kPage);
      __builtin_prefetch(values[j] + i * kPage);
    }
#pragma GCC unroll 4
    for (int h = 0; h < heads; ++h) {
      const F16 element = F16::broadcast(q[h * t.head_dim + i]);
#pragma GCC unroll 4
      for (int j = 0; j < pages; ++j) total[h][j] = multiply_add(element, key[j], total[h][j]);
    }
  }
  const F16 scale = F16::broadcast(t.scale);
#pragma GCC unroll 4
  for (int h = 0; h < heads; ++h) {
#pragma GCC unroll 4
    for (int j = 0; j < pages; ++j)
      (total[h][j] * scale).store(scores + h * stride + (page + j) * kPage);
  }
}

// scores[j] = e^(scores[j] - their largest) for j < keys; the sum.
float softmax_numerators(float* scores, int64_t keys) {
  Running top = Running::broadcast(-__builtin_inff());
  each_numbered_chunk(keys, [&](int64_t c, int64_t n, int j) RANKSCOPE_INLINE {
    top.value[j] = maximum(F16::load_first(scores + c, n, -__builtin_inff()), top.value[j]);
  });
  const F16 offset = F16::broadcast(top.top());
  Running sums = Running::broadcast(0.0f);
  each_numbered_chunk(keys, [&](int64_t c, int64_t n, int j) RANKSCOPE_INLINE {
    const F16 e = keep_first(exponential(F16::load_first(scores + c, n) - offset), n, 0.0f);
    e.store_first(scores + c, n);
    sums.value[j] = sums.value[j] + e;
  });
  return sums.total();
}

// Columns [c, c + n), n <= 16, of `heads` outputs at out + head * head_dim: the weighted sums of
// the values; of two chunks of columns both are whole.
template <int heads, int chunks>
void weighted_values(const PagedAttentionTask& t, const float* weights, int64_t stride,
                     const float* inverse, int64_t c, int64_t n, float* out) {
  F16 total[heads][4][chunks];
#pragma GCC unroll 4
  for (int h = 0; h < heads; ++h) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
#pragma GCC unroll 2
      for (int i = 0; i < chunks; ++i) total[h][j][i] = F16::zero();
    }
  }
  for (int64_t begin = 0; begin < t.keys; begin += kPage) {
    const float* values =
        t.value_pages + t.pages[begin / kPage] * t.page_stride + t.kv_head * kPage * t.head_dim + c;
    // Beyond the last key the weights are zero; what lies there may be of another sequence, or
    // nothing yet, and is not read.
    const int64_t positions = t.keys - begin < kPage ? t.keys - begin : kPage;
    for (int64_t p = 0; p < positions; p += 4) {
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) {
        if (p + j >= positions) break;
        const float* const row = values + (p + j) * t.head_dim;
        F16 value[chunks];
#pragma GCC unroll 2
        for (int i = 0; i < chunks; ++i)
          value[i] =
              chunks > 1 || n == kLanes ? F16::load(row + i * kLanes) : F16::load_first(row, n);
#pragma GCC unroll 4
        for (int h = 0; h < heads; ++h) {
          const F16 weight = F16::broadcast(weights[h * stride + begin + p + j]);
#pragma GCC unroll 2
          for (int i = 0; i < chunks; ++i)
            total[h][j][i] = multiply_add(weight, value[i], total[h][j][i]);
        }
      }
    }
  }
#pragma GCC unroll 4
  for (int h = 0; h < heads; ++h) {
#pragma GCC unroll 2
    for (int i = 0; i < chunks; ++i) {
      const F16 all = (total[h][0][i] + total[h][1][i]) + (total[h][2][i] + total[h][3][i]);
      (all * F16::broadcast(inverse[h])).store_first(out + h * t.head_dim + c + i * kLanes, n);
    }
  }
}

template <int heads>
void attend(const PagedAttentionTask& t, int64_t first) {
  const int64_t pages = (t.keys + kPage - 1) / kPage;
  const int64_t stride = pages * kPage;
  const float* q = t.q + first * t.head_dim;
  float* const out = t.out + first * t.head_dim;
  int64_t page = 0;
  for (; page + kPages<heads> <= pages; page += kPages<heads>)
    score_pages<heads, kPages<heads>>(t, q, page, t.scratch, stride);
  for (; page < pages; ++page) score_pages<heads, 1>(t, q, page, t.scratch, stride);
  float inverse[heads];
  for (int h = 0; h < heads; ++h)
    inverse[h] = 1.0f / softmax_numerators(t.scratch + h * stride, t.keys);
  int64_t c = 0;
  if constexpr (kPairs<heads>) {
    for (; c + 2 * kLanes <= t.head_dim; c += 2 * kLanes)
      weighted_values<heads, 2>(t, t.scratch, stride, inverse, c, kLanes, out);
  }
  each_chunk(t.head_dim - c, [&](int64_t begin, int64_t n) RANKSCOPE_INLINE {
    weighted_values<heads, 1>(t, t.scratch, stride, inverse, c + begin, n, out);
  });
}

}  // namespace

size_t paged_attention_scratch(int64_t keys) {
  return static_cast<size_t>(kHeads * ((keys + kPage - 1) / kPage * kPage));
}

void paged_attention(const PagedAttentionTask& t) {
  for (int64_t h = 0; h < t.heads_per_group; h += kHeads) {
    switch (t.heads_per_group - h) {
      case 1:
        attend<1>(t, h);
        break;
      case 2:
        attend<2>(t, h);
        break;
      case 3:
        attend<3>(t, h);
        break;
      default:
        attend<kHeads>(t, h);
    }
  }
}

}  // namespace rankscope::cpu::RANKSCOPE_ISA
