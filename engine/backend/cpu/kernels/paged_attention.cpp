// Attention of one query over kept keys and values. Keys lie with their positions side by side, so
// that sixteen scores are formed at a time; a score's sum runs over the head's elements in order,
// and an output's over the positions in four interleaved parts, whatever else is computed.
#include "engine/backend/cpu/kernels/attention.h"
#include "engine/backend/cpu/kernels/columns.h"

namespace rankscope::cpu::RANKSCOPE_ISA {

namespace {

constexpr int64_t kPage = 16;  // kPageTokens of backend.h
static_assert(kPage == kLanes);

// Scores of `count` (1 to 4) pages, one after the other, to `scores`.
template <int count>
void score_pages(const PagedAttentionTask& t, const float* q, int64_t page, float* scores) {
  const float* keys[count];
  F16 total[count];
  for (int j = 0; j < count; ++j) {
    keys[j] = t.key_pages + t.pages[page + j] * t.page_stride + t.kv_head * t.head_dim * kPage;
    total[j] = F16::zero();
  }
  for (int64_t i = 0; i < t.head_dim; ++i) {
    const F16 element = F16::broadcast(q[i]);
    for (int j = 0; j < count; ++j)
      total[j] = multiply_add(element, F16::load(keys[j] + i * kPage), total[j]);
  }
  const F16 scale = F16::broadcast(t.scale);
  for (int j = 0; j < count; ++j) (total[j] * scale).store(scores + (page + j) * kPage);
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

// out [n <= 16] = the weighted sum of columns [c, c + n) of the values.
void weighted_values(const PagedAttentionTask& t, const float* weights, float inverse, int64_t c,
                     int64_t n, float* out) {
  F16 total[4] = {F16::zero(), F16::zero(), F16::zero(), F16::zero()};
  for (int64_t begin = 0; begin < t.keys; begin += kPage) {
    const float* values = t.value_pages + t.pages[begin / kPage] * t.page_stride +
                          t.kv_head * kPage * t.head_dim + c;
    const int64_t positions = t.keys - begin < kPage ? t.keys - begin : kPage;
    const float* w = weights + begin;
    int64_t p = 0;
    for (; p + 4 <= positions; p += 4) {
      for (int j = 0; j < 4; ++j)
        total[j] = multiply_add(F16::broadcast(w[p + j]),
                                F16::load_first(values + (p + j) * t.head_dim, n), total[j]);
    }
    for (int j = 0; p + j < positions; ++j)
      total[j] = multiply_add(F16::broadcast(w[p + j]),
                              F16::load_first(values + (p + j) * t.head_dim, n), total[j]);
  }
  const F16 all = (total[0] + total[1]) + (total[2] + total[3]);
  (all * F16::broadcast(inverse)).store_first(out, n);
}

}  // namespace

void paged_attention(const PagedAttentionTask& t) {
  const int64_t pages = (t.keys + kPage - 1) / kPage;
  for (int64_t h = 0; h < t.heads_per_group; ++h) {
    const float* q = t.q + h * t.head_dim;
    int64_t page = 0;
    for (; page + 4 <= pages; page += 4) score_pages<4>(t, q, page, t.scratch);
    for (; page < pages; ++page) score_pages<1>(t, q, page, t.scratch);
    const float inverse = 1.0f / softmax_numerators(t.scratch, t.keys);
    each_chunk(t.head_dim, [&](int64_t c, int64_t n) RANKSCOPE_INLINE {
      weighted_values(t, t.scratch, inverse, c, n, t.out + h * t.head_dim + c);
    });
  }
}

}  // namespace rankscope::cpu::RANKSCOPE_ISA
