// Causal softmax attention, a block of queries at a time. The probabilities are never stored beyond
// a block: the backward pass makes them again from the scores and the kept log of each row's
// denominator, which costs no measurable time and saves tokens x tokens of memory.
#include "engine/backend/cpu/kernels/attention.h"

#include <math.h>

#include "engine/backend/cpu/kernels/product.h"
#include "engine/backend/cpu/kernels/simd.h"

namespace rankscope::cpu::RANKSCOPE_ISA {

namespace {

// Queries of a block. The gradients of keys and values are sums over queries: with a block of 48 of
// them, loading and storing the sums costs a tenth of the multiply-adds.
constexpr int64_t kQueryBlock = 48;
// Score rows are padded by this to keep rows of a tile out of one set of the first-level cache.
constexpr int64_t kPad = 16;

int64_t padded(int64_t n) {
  constexpr int64_t unit = kPanel > kLanes ? kPanel : kLanes;
  return (n + unit - 1) / unit * unit;
}

// The regions of the scratch memory, one after the other; null where only the size is asked for.
struct Scratch {
  float* keys_t;    // panels of [head_dim, keys]
  float* values_t;  // panels of [head_dim, keys]
  float* keys;      // panels of [keys, head_dim]
  float* values;    // panels of [keys, head_dim]
  float* dkeys;     // [keys + tile, padded head_dim]
  float* dvalues;
  float* scores;  // [block, score_stride]
  float* dscores;
  float* left;    // [block, head_dim]: queries, contiguous
  float* left_d;  // [block, head_dim]: output gradients, contiguous
  float* right;   // panels of [block, head_dim]
  float* out;     // [tile, padded head_dim]
  float* delta;   // [block]
  int64_t score_stride;
  int64_t width;   // padded head_dim
  int64_t floats;  // of all regions together
};

Scratch carve(float* memory, int64_t keys, int64_t head_dim) {
  Scratch s;
  const int64_t key_columns = padded(keys);
  s.width = padded(head_dim);
  s.score_stride = key_columns + kPad;
  s.floats = 0;
  auto take = [&s, memory](int64_t floats) {
    float* region = memory ? memory + s.floats : nullptr;
    s.floats += floats;
    return region;
  };
  s.keys_t = take(key_columns * head_dim);
  s.values_t = take(key_columns * head_dim);
  s.keys = take(keys * s.width);
  s.values = take(keys * s.width);
  s.dkeys = take((keys + kRowTile) * s.width);
  s.dvalues = take((keys + kRowTile) * s.width);
  s.scores = take(kQueryBlock * s.score_stride);
  s.dscores = take(kQueryBlock * s.score_stride);
  s.left = take(kQueryBlock * head_dim);
  s.left_d = take(kQueryBlock * head_dim);
  s.right = take(kQueryBlock * s.width);
  s.out = take(kRowTile * s.width);
  s.delta = take(kQueryBlock);
  return s;
}

int64_t panels(int64_t columns) { return (columns + kPanel - 1) / kPanel; }

void pack_all(const float* data, int64_t row_step, int64_t col_step, int64_t k, int64_t n,
              float* to) {
  pack_panels(data, 0, row_step, col_step, k, n, 0, panels(n), to);
}

// out [rows, panels of n] = left [rows, k] times packed panels.
void tile_product(int64_t rows, int64_t k, const float* left, int64_t left_row, int64_t left_k,
                  const float* packed, int64_t packed_k, int64_t n, float* out, int64_t out_stride,
                  bool first) {
  for (int64_t p = 0; p < panels(n); ++p) {
    const int64_t width = n - p * kPanel < kPanel ? n - p * kPanel : kPanel;
    block_product(rows, width, k, left, left_row, left_k, packed + p * packed_k * kPanel, kPanel,
                  out + p * kPanel, out_stride, first);
  }
}

void copy_rows(const float* from, int64_t stride, int64_t rows, int64_t cols, float* to) {
  for (int64_t i = 0; i < rows; ++i)
    __builtin_memcpy(to + i * cols, from + i * stride, sizeof(float) * cols);
}

float row_maximum(const float* s, int64_t n) {
  F16 m = F16::broadcast(-__builtin_inff());
  for (int64_t j = 0; j < n; j += kLanes)
    m = maximum(keep_first(F16::load(s + j), n - j, -__builtin_inff()), m);
  return largest(m);
}

// s[j] = e^(scale s[j] - shift) for j < n, and 0 up to `columns` (a multiple of 16); the sum.
float row_exponentials(float* s, int64_t n, int64_t columns, float scale, float shift) {
  const F16 factor = F16::broadcast(scale), offset = F16::broadcast(-shift);
  F16 total = F16::zero();
  int64_t j = 0;
  for (; j < n; j += kLanes) {
    F16 e = exponential(multiply_add(F16::load(s + j), factor, offset));
    e = keep_first(e, n - j, 0.0f);
    e.store(s + j);
    total = total + e;
  }
  for (; j < columns; j += kLanes) F16::zero().store(s + j);
  return sum(total);
}

void store_scaled(const float* from, float factor, int64_t cols, float* to) {
  const F16 f = F16::broadcast(factor);
  for (int64_t j = 0; j < cols; j += kLanes)
    (F16::load(from + j) * f).store_first(to + j, cols - j);
}

float dot(const float* a, const float* b, int64_t n) {
  F16 s = F16::zero();
  for (int64_t j = 0; j < n; j += kLanes)
    s = multiply_add(F16::load_first(a + j, n - j), F16::load_first(b + j, n - j), s);
  return sum(s);
}

}  // namespace

size_t attention_scratch(int64_t keys, int64_t head_dim) {
  return static_cast<size_t>(carve(nullptr, keys, head_dim).floats);
}

void attention_forward(const AttentionTask& t) {
  const Scratch s = carve(t.scratch, t.keys, t.head_dim);
  const int64_t d = t.head_dim;
  pack_all(t.k + t.kv_head * d, 1, t.k_stride, d, t.keys, s.keys_t);
  pack_all(t.v + t.kv_head * d, t.v_stride, 1, t.keys, d, s.values);
  for (int64_t h = t.first_head; h < t.first_head + t.heads_per_group; ++h) {
    for (int64_t i0 = 0; i0 < t.queries; i0 += kRowTile) {
      const int64_t rows = t.queries - i0 < kRowTile ? t.queries - i0 : kRowTile;
      const int64_t seen = t.positions[i0 + rows - 1] + 1;  // keys that any row of the tile sees
      copy_rows(t.q + i0 * t.q_stride + h * d, t.q_stride, rows, d, s.left);
      tile_product(rows, d, s.left, d, 1, s.keys_t, d, seen, s.scores, s.score_stride, true);
      float inverse[kRowTile];
      for (int64_t i = 0; i < rows; ++i) {
        float* row = s.scores + i * s.score_stride;
        const int64_t visible = t.positions[i0 + i] + 1;
        const float shift = t.scale * row_maximum(row, visible);
        const float total = row_exponentials(row, visible, padded(seen), t.scale, shift);
        inverse[i] = 1.0f / total;
        t.log_sum_w[(i0 + i) * t.heads + h] = shift + logf(total);
      }
      tile_product(rows, seen, s.scores, s.score_stride, 1, s.values, t.keys, d, s.out, s.width,
                   true);
      for (int64_t i = 0; i < rows; ++i)
        store_scaled(s.out + i * s.width, inverse[i], d, t.out_w + (i0 + i) * t.out_stride + h * d);
    }
  }
}

void attention_backward(const AttentionTask& t) {
  const Scratch s = carve(t.scratch, t.keys, t.head_dim);
  const int64_t d = t.head_dim;
  const bool want_scores = t.dq || t.dk;
  pack_all(t.k + t.kv_head * d, 1, t.k_stride, d, t.keys, s.keys_t);
  if (want_scores) pack_all(t.v + t.kv_head * d, 1, t.v_stride, d, t.keys, s.values_t);
  if (t.dq) pack_all(t.k + t.kv_head * d, t.k_stride, 1, t.keys, d, s.keys);
  if (t.dk) __builtin_memset(s.dkeys, 0, sizeof(float) * (t.keys + kRowTile) * s.width);
  if (t.dv) __builtin_memset(s.dvalues, 0, sizeof(float) * (t.keys + kRowTile) * s.width);

  for (int64_t h = t.first_head; h < t.first_head + t.heads_per_group; ++h) {
    for (int64_t b0 = 0; b0 < t.queries; b0 += kQueryBlock) {
      const int64_t block = t.queries - b0 < kQueryBlock ? t.queries - b0 : kQueryBlock;
      const int64_t block_seen = t.positions[b0 + block - 1] + 1;
      copy_rows(t.q + b0 * t.q_stride + h * d, t.q_stride, block, d, s.left);
      copy_rows(t.dout + b0 * t.dout_stride + h * d, t.dout_stride, block, d, s.left_d);
      for (int64_t i0 = 0; i0 < block; i0 += kRowTile) {
        const int64_t rows = block - i0 < kRowTile ? block - i0 : kRowTile;
        const int64_t seen = t.positions[b0 + i0 + rows - 1] + 1;
        float* p = s.scores + i0 * s.score_stride;
        float* dp = s.dscores + i0 * s.score_stride;
        tile_product(rows, d, s.left + i0 * d, d, 1, s.keys_t, d, seen, p, s.score_stride, true);
        if (want_scores)
          tile_product(rows, d, s.left_d + i0 * d, d, 1, s.values_t, d, seen, dp, s.score_stride,
                       true);
        for (int64_t i = 0; i < rows; ++i) {
          const int64_t row = b0 + i0 + i;
          float* pr = p + i * s.score_stride;
          row_exponentials(pr, t.positions[row] + 1, padded(block_seen), t.scale,
                           t.log_sum[row * t.heads + h]);
          if (!want_scores) continue;
          const F16 delta =
              F16::broadcast(dot(t.out + row * t.out_stride + h * d, s.left_d + (i0 + i) * d, d));
          const F16 scale = F16::broadcast(t.scale);
          float* dr = dp + i * s.score_stride;
          // Beyond what the row sees p is zero; dp there may be anything finite or, in columns that
          // no product of this tile wrote, stale: those are set to zero outright.
          int64_t j = 0;
          for (; j < padded(t.positions[row] + 1); j += kLanes) {
            const F16 g = F16::load(pr + j) * (F16::load(dr + j) - delta) * scale;
            keep_first(g, t.positions[row] + 1 - j, 0.0f).store(dr + j);
          }
          for (; j < padded(block_seen); j += kLanes) F16::zero().store(dr + j);
        }
        if (t.dq) {
          tile_product(rows, seen, dp, s.score_stride, 1, s.keys, t.keys, d, s.out, s.width, true);
          for (int64_t i = 0; i < rows; ++i)
            store_scaled(s.out + i * s.width, 1.0f, d, t.dq + (b0 + i0 + i) * t.dq_stride + h * d);
        }
      }
      // Sums over the block's queries. Queries before the first that sees a tile's keys have
      // probability zero there and are skipped.
      auto accumulate = [&](const float* left, const float* right_rows, float* sums) {
        pack_all(right_rows, d, 1, block, d, s.right);
        int64_t first_query = 0;
        for (int64_t k0 = 0; k0 < block_seen; k0 += kRowTile) {
          const int64_t rows = block_seen - k0 < kRowTile ? block_seen - k0 : kRowTile;
          while (t.positions[b0 + first_query] < k0) ++first_query;
          for (int64_t panel = 0; panel < panels(d); ++panel) {
            const int64_t width = d - panel * kPanel < kPanel ? d - panel * kPanel : kPanel;
            block_product(rows, width, block - first_query,
                          left + first_query * s.score_stride + k0, 1, s.score_stride,
                          s.right + (panel * block + first_query) * kPanel, kPanel,
                          sums + k0 * s.width + panel * kPanel, s.width, false);
          }
        }
      };
      if (t.dv) accumulate(s.scores, s.left_d, s.dvalues);
      if (t.dk) accumulate(s.dscores, s.left, s.dkeys);
    }
  }
  for (int64_t i = 0; i < t.keys; ++i) {
    if (t.dk) store_scaled(s.dkeys + i * s.width, 1.0f, d, t.dk + i * t.dk_stride + t.kv_head * d);
    if (t.dv)
      store_scaled(s.dvalues + i * s.width, 1.0f, d, t.dv + i * t.dv_stride + t.kv_head * d);
  }
}

}  // namespace rankscope::cpu::RANKSCOPE_ISA
