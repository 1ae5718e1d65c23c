// Matrix products, a tile at a time. The right operand lies in packed panels of kPanel columns; the
// left one is read where it lies. An element of the result is one chain of multiply-adds in the
// order of k, term after term: whatever the number of rows, the place of a row in its tile, or the
// blocking, the chain is the same, and so are the bits.
#include "engine/backend/cpu/kernels/product.h"

#include "engine/backend/cpu/kernels/simd.h"

namespace rankscope::cpu::RANKSCOPE_ISA {

namespace {

// Depth of a block of k: a panel of it (kDepth * kPanel floats, 96 KiB with AVX-512) and 96 rows of
// the left operand (288 KiB) stay in a second-level cache of 512 KiB or more while all row tiles pass
// over them. Half of it costs 1 % in loading and storing the accumulators more often.
constexpr int64_t kDepth = 768;

// A row distance of a multiple of 4 KiB puts the rows of a tile into one set of the first-level
// cache: such operands are copied to rows of another distance first. (Of 2 KiB it is two sets,
// which hold a tile: copying those took 2 to 4 % of a step of stories3m.)
constexpr int64_t kAliasFloats = 1024;
constexpr int64_t kRowPadding = 16;

// How many steps of k ahead a panel is fetched: the time of one load from memory, which the
// processor's own look-ahead does not cover.
constexpr int64_t kPrefetchSteps = 32;

// Rows over a matrix that a core's cache does not hold wait for memory: then the next block of a
// panel is fetched during all passes over the present one, which took products of 32 rows from 210
// to 280 GFLOP/s and those of GPT-2 small's training up by 2 %. Where a cache holds the matrix, the
// instructions for it cost more than they gain.
constexpr int64_t kFetchTiles = 8;
constexpr int64_t kFetchFloats = int64_t{1} << 19;
constexpr int64_t kLineFloats = 16;  // of a cache line

inline NativeF load_native(const float* p) {
  NativeF v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
inline void store_native(float* p, NativeF v) { __builtin_memcpy(p, &v, sizeof v); }

// In vectors: for memcpy of a length that it does not know the compiler takes an instruction that
// needs longer to begin than a row takes.
inline void copy_floats(const float* from, float* to, int64_t count) {
  int64_t i = 0;
  for (; i + kNativeLanes <= count; i += kNativeLanes) store_native(to + i, load_native(from + i));
  for (; i < count; ++i) to[i] = from[i];
}

// Where the next block of a panel lies, of which a pass of the inner loop fetches its part while it
// multiplies: each row tile that shares the present block another one, so that memory is busy
// throughout.
struct NextBlock {
  const float* from = nullptr;
  int64_t step = 0;  // floats for a step of k, at most two lines
};

template <int kRows, int kVectors, bool kFetchNext>
void micro(int64_t k, const float* a, int64_t row_step, int64_t k_step, const float* b,
           int64_t b_stride, float* c, int64_t c_stride, bool first, NextBlock next) {
  // Every loop over the tile is unrolled whole: an accumulator array that is indexed in a loop lives
  // in memory, and moving it there and back costs as much as 60 steps of k.
  NativeF acc[kRows][kVectors];
  if (first) {
#pragma GCC unroll 12
    for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 2
      for (int j = 0; j < kVectors; ++j) acc[i][j] = NativeF{};
  } else {
#pragma GCC unroll 12
    for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 2
      for (int j = 0; j < kVectors; ++j)
        acc[i][j] = load_native(c + i * c_stride + j * kNativeLanes);
  }
  // Four row pointers, each serving three rows at constant multiples of row_step, leave enough
  // registers for the accumulators.
  const float* a0 = a;
  const float* a1 = a + 3 * row_step;
  const float* a2 = a + 6 * row_step;
  const float* a3 = a + 9 * row_step;
  for (int64_t p = 0; p < k; ++p) {
    if constexpr (kFetchNext) {
      __builtin_prefetch(next.from, 0, 2);
      if (next.step > kLineFloats) __builtin_prefetch(next.from + kLineFloats, 0, 2);
      next.from += next.step;
    }
    NativeF bv[kVectors];
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; ++j) {
      bv[j] = load_native(b + j * kNativeLanes);
      if constexpr (!kFetchNext)
        __builtin_prefetch(b + kPrefetchSteps * b_stride + j * kNativeLanes);
    }
#pragma GCC unroll 12
    for (int i = 0; i < kRows; ++i) {
      const float* base = i < 3 ? a0 : i < 6 ? a1 : i < 9 ? a2 : a3;
      const float x = base[(i % 3) * row_step];
#pragma GCC unroll 2
      for (int j = 0; j < kVectors; ++j) acc[i][j] = bv[j] * x + acc[i][j];
    }
    a0 += k_step;
    a1 += k_step;
    a2 += k_step;
    a3 += k_step;
    b += b_stride;
  }
#pragma GCC unroll 12
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; ++j)
      store_native(c + i * c_stride + j * kNativeLanes, acc[i][j]);
}

template <int kVectors, bool kFetchNext>
void micro_rows(int64_t rows, int64_t k, const float* a, int64_t row_step, int64_t k_step,
                const float* b, int64_t b_stride, float* c, int64_t c_stride, bool first,
                NextBlock next = {}) {
  switch (rows) {
#define RANKSCOPE_CASE(n)                                                                   \
  case n:                                                                                   \
    return micro<n, kVectors, kFetchNext>(k, a, row_step, k_step, b, b_stride, c, c_stride, \
                                          first, next);
    RANKSCOPE_CASE(1)
    RANKSCOPE_CASE(2)
    RANKSCOPE_CASE(3)
    RANKSCOPE_CASE(4)
    RANKSCOPE_CASE(5)
    RANKSCOPE_CASE(6)
#if defined(__AVX512F__)
    RANKSCOPE_CASE(7)
    RANKSCOPE_CASE(8)
    RANKSCOPE_CASE(9)
    RANKSCOPE_CASE(10)
    RANKSCOPE_CASE(11)
    RANKSCOPE_CASE(12)
#endif
#undef RANKSCOPE_CASE
  }
}

constexpr float kGeluScale = 0.7978845608028654f;  // sqrt(2 / pi)
constexpr float kGeluCube = 0.044715f;

// gelu(x) = x * s and its derivative, s = (1 + tanh u) / 2 = 1 / (1 + e^(-2u)),
// u = sqrt(2/pi) (x + 0.044715 x^3).
inline F16 gelu_tanh(F16 x, F16* derivative) {
  const F16 one = F16::broadcast(1.0f), cube = F16::broadcast(kGeluCube);
  const F16 x2 = x * x;
  const F16 u2 = F16::broadcast(-2.0f * kGeluScale) * (x * multiply_add(cube, x2, one));
  const F16 s = one / (one + exponential(u2));
  const F16 du = F16::broadcast(2.0f * kGeluScale) *
                 multiply_add(F16::broadcast(3.0f * kGeluCube), x2, one);
  *derivative = multiply_add(x * s * (one - s), du, s);
  return x * s;
}

// A NaN stays one.
inline F16 relu(F16 x, F16* derivative) {
  F16 r;
  const NativeF zero{};
  for (int i = 0; i < kParts; ++i) {
    derivative->part[i] = x.part[i] > zero ? zero + 1.0f : zero;
    r.part[i] = x.part[i] <= zero ? zero : x.part[i];
  }
  return r;
}

// Values of rankscope::Activation.
constexpr int kGelu = 1;

bool is_plain(const TileEpilogue& e) {
  return e.scale == 1.0f && !e.column_scale && !e.bias && e.activation == 0 && !e.multiplier && !e.residual &&
         !e.accumulate;
}

void finish_row(const TileEpilogue& e, int64_t row, int64_t col, int64_t count, const float* tile,
                float* out) {
  for (int64_t j = 0; j < count; j += kLanes) {
    const int64_t n = count - j;
    F16 s = F16::load_first(tile + j, n);
    if (e.scale != 1.0f) s = s * F16::broadcast(e.scale);
    if (e.column_scale) s = s * F16::load_first(e.column_scale + col + j, n);
    if (e.bias) s = s + F16::load_first(e.bias + col + j, n);
    if (e.activation != 0) {
      F16 derivative;
      s = e.activation == kGelu ? gelu_tanh(s, &derivative) : relu(s, &derivative);
      if (e.derivative)
        derivative.store_first(e.derivative + row * e.derivative_stride + col + j, n);
    }
    if (e.multiplier)
      s = s * F16::load_first(e.multiplier + row * e.multiplier_stride + col + j, n);
    if (e.residual) s = s + F16::load_first(e.residual + row * e.residual_stride + col + j, n);
    if (e.accumulate) s = s + F16::load_first(out + j, n);
    s.store_first(out + j, n);
  }
}

}  // namespace

void finish_row(const TileEpilogue& e, int64_t n, const float* x, float* out) {
  finish_row(e, 0, 0, n, x, out);
}

void block_product(int64_t rows, int64_t cols, int64_t k, const float* a, int64_t row_step,
                   int64_t k_step, const float* b, int64_t b_stride, float* c, int64_t c_stride,
                   bool first) {
  if (cols > kNativeLanes)
    micro_rows<2, false>(rows, k, a, row_step, k_step, b, b_stride, c, c_stride, first);
  else
    micro_rows<1, false>(rows, k, a, row_step, k_step, b, b_stride, c, c_stride, first);
}

size_t product_scratch(int64_t rows, int64_t panels, int64_t longest_k) {
  const int64_t depth = longest_k < kDepth ? longest_k : kDepth;
  return static_cast<size_t>(rows * (panels * kPanel) + (rows + kRowPadding) * (depth + kRowPadding) +
                             depth * kPanel);
}

void product_tile(const TileTerm* terms, int term_count, const TileEpilogue& epilogue, int64_t rows,
                  int64_t n, int64_t panel_begin, int64_t panel_end, float* out, int64_t out_stride,
                  float* scratch) {
  const int64_t col = panel_begin * kPanel;
  const int64_t count = (panel_end * kPanel < n ? panel_end * kPanel : n) - col;
  // Sums that are the result as they are, in whole vectors, are formed where it lies.
  const bool direct = is_plain(epilogue) && (count % kPanel == 0 || count % kPanel == kNativeLanes);
  const int64_t tile_stride = direct ? out_stride : (panel_end - panel_begin) * kPanel;
  float* tile = direct ? out + col : scratch;
  float* left_copy = scratch + (direct ? 0 : rows * tile_stride);
  const int64_t tiles = (rows + kRowTile - 1) / kRowTile;
  bool first = true;
  for (int t = 0; t < term_count; ++t) {
    const TileTerm& term = terms[t];
    const bool transposed = term.k_step != 1;
    const bool copy = rows > kRowTile &&
                      (transposed ? term.row_step == 1 : term.row_step % kAliasFloats == 0);
    for (int64_t k0 = 0; k0 < term.k; k0 += kDepth) {
      const int64_t depth = term.k - k0 < kDepth ? term.k - k0 : kDepth;
      const float* a = term.left + k0 * term.k_step;
      int64_t row_step = term.row_step, k_step = term.k_step;
      float* panel_copy = left_copy;
      if (copy && transposed) {
        for (int64_t p = 0; p < depth; ++p)
          copy_floats(a + p * k_step, left_copy + p * rows, rows);
        a = left_copy;
        k_step = rows;
        panel_copy += depth * rows;
      } else if (copy) {
        const int64_t padded = depth + kRowPadding;
        for (int64_t i = 0; i < rows; ++i)
          copy_floats(a + i * row_step, left_copy + i * padded, depth);
        a = left_copy;
        row_step = padded;
        panel_copy += rows * padded;
      }
      for (int64_t p = panel_begin; p < panel_end; ++p) {
        const int64_t width = n - p * kPanel < kPanel ? n - p * kPanel : kPanel;
        const float* b;
        int64_t b_stride = kPanel;
        if (term.plain_stride == 0) {
          b = term.panels + (p * term.k + k0) * kPanel;
        } else {
          b = term.panels + k0 * term.plain_stride + p * kPanel;
          b_stride = term.plain_stride;
          if (rows > kRowTile || (width != kPanel && width != kNativeLanes)) {
            for (int64_t i = 0; i < depth; ++i) {
              float* to = panel_copy + i * kPanel;
              copy_floats(b + i * b_stride, to, width);
              for (int64_t j = width; j < kPanel; ++j) to[j] = 0.0f;
            }
            b = panel_copy;
            b_stride = kPanel;
          }
        }
        float* c = tile + (p - panel_begin) * kPanel;
        // The block that is multiplied next, by this task or by the one that follows it:
        // consecutive tasks are one thread's, and a task of few rows has but a few panels.
        const float* next = nullptr;
        if (tiles <= kFetchTiles && term.k * n >= kFetchFloats && term.plain_stride == 0) {
          if (p + 1 < panel_end)
            next = b + term.k * kPanel;
          else if (k0 + depth < term.k)
            next = term.panels + (panel_begin * term.k + k0 + depth) * kPanel;
          else if (panel_end * kPanel < n)
            next = term.panels + panel_end * term.k * kPanel;
        }
        for (int64_t i = 0; i < rows; i += kRowTile) {
          const int64_t count = rows - i < kRowTile ? rows - i : kRowTile;
          if (next != nullptr) {
            const int64_t step = (kPanel + tiles - 1) / tiles;
            micro_rows<2, true>(count, depth, a + i * row_step, row_step, k_step, b, b_stride,
                                c + i * tile_stride, tile_stride, first,
                                {next + i / kRowTile * depth * step, step});
            continue;
          }
          block_product(count, width, depth, a + i * row_step, row_step, k_step, b, b_stride,
                        c + i * tile_stride, tile_stride, first);
        }
      }
      first = false;
    }
  }
  if (direct) return;
  for (int64_t i = 0; i < rows; ++i)
    finish_row(epilogue, i, col, count, tile + i * tile_stride, out + i * out_stride + col);
}

}  // namespace rankscope::cpu::RANKSCOPE_ISA
