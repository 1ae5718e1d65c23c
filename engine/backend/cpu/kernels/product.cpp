// Matrix products, a tile at a time. The right operand lies in packed panels of kPanel columns; the
// left one is read where it lies. An element of the result is one chain of multiply-adds in the
// order of k, term after term: whatever the number of rows, the place of a row in its tile, or the
// blocking, the chain is the same, and so are the bits.
#include "engine/backend/cpu/kernels/product.h"
#include "engine/backend/cpu/kernels/half_sources.h"

#include "engine/backend/cpu/kernels/simd.h"
#include "engine/backend/cpu/kernels/transpose.h"

namespace rankscope::cpu::RANKSCOPE_ISA {

namespace {

// Depth of a block of k: a panel of it (kDepth * kPanel floats, 96 KiB with AVX-512) and 96 rows of
// the left operand (288 KiB) stay in a second-level cache of 512 KiB or more while all row tiles
// pass over them. Half of it costs 1 % in loading and storing the accumulators more often.
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
constexpr int64_t kLineBytes = 64;

// In vectors: for memcpy of a length that it does not know the compiler takes an instruction that
// needs longer to begin than a row takes.
inline void copy_floats(const float* from, float* to, int64_t count) {
  int64_t i = 0;
  for (; i + kNativeLanes <= count; i += kNativeLanes) store_native(to + i, load_native(from + i));
  for (; i < count; ++i) to[i] = from[i];
}

// The rows of a right operand, one after the other, as the inner loop reads them.
struct PlainRows {
  const float* at;
  int64_t stride;

  template <int kVectors>
  RANKSCOPE_INLINE void next(NativeF (&row)[kVectors]) {
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; ++j) {
      row[j] = load_native(at + j * kNativeLanes);
      __builtin_prefetch(at + kPrefetchSteps * stride + j * kNativeLanes);
    }
    at += stride;
  }
};

// Where the next block of a panel lies, of which a pass of the inner loop fetches its part while it
// multiplies: each row tile that shares the present block another one, so that memory is busy
// throughout.
struct NextBlock {
  const char* from;
  int64_t step;  // bytes for a step of k, at most two lines

  RANKSCOPE_INLINE void fetch() {
    __builtin_prefetch(from, 0, 2);
    if (step > kLineBytes) __builtin_prefetch(from + kLineBytes, 0, 2);
    from += step;
  }
};

// Of a panel.
struct FetchingRows {
  const float* at;
  NextBlock block;

  RANKSCOPE_INLINE void next(NativeF (&row)[2]) {
    block.fetch();
    row[0] = load_native(at);
    row[1] = load_native(at + kNativeLanes);
    at += kPanel;
  }
};

// Of a panel of 16-bit elements. Where `wide` is given the rows are left there as floats for the
// row tiles that follow; beside the multiplications this costs nothing, before them it took a sixth
// of the time of 48 rows.
template <typename Source>
struct WideningRows {
  const uint16_t* at;
  float* wide;
  NextBlock block;

  template <int kVectors>
  RANKSCOPE_INLINE void next(NativeF (&row)[kVectors]) {
    block.fetch();
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; ++j) row[j] = Source::half_row(at, j);
    at += kPanel;
    if (wide == nullptr) return;
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; ++j) store_native(wide + j * kNativeLanes, row[j]);
    wide += kPanel;
  }
};

template <int kRows, int kVectors, typename Right>
void micro(int64_t k, const float* a, int64_t row_step, int64_t k_step, Right right, float* c,
           int64_t c_stride, bool first) {
  // Every loop over the tile is unrolled whole: an accumulator array that is indexed in a loop
  // lives in memory, and moving it there and back costs as much as 60 steps of k.
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
    NativeF bv[kVectors];
    right.next(bv);
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
  }
#pragma GCC unroll 12
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; ++j) store_native(c + i * c_stride + j * kNativeLanes, acc[i][j]);
}

template <int kVectors, typename Right>
void micro_rows(int64_t rows, int64_t k, const float* a, int64_t row_step, int64_t k_step,
                const Right& right, float* c, int64_t c_stride, bool first) {
  switch (rows) {
#define RANKSCOPE_CASE(n) \
  case n:                 \
    return micro<n, kVectors>(k, a, row_step, k_step, right, c, c_stride, first);
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

// The next whole cache line of scratch memory.
inline float* aligned(float* p) {
  const auto past = reinterpret_cast<uintptr_t>(p) % kLineBytes;
  return past == 0 ? p : p + (kLineBytes - past) / sizeof(float);
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
  const F16 du =
      F16::broadcast(2.0f * kGeluScale) * multiply_add(F16::broadcast(3.0f * kGeluCube), x2, one);
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
  return e.scale == 1.0f && !e.column_scale && !e.bias && e.activation == 0 && !e.multiplier &&
         !e.residual && !e.accumulate;
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
    micro_rows<2>(rows, k, a, row_step, k_step, PlainRows{b, b_stride}, c, c_stride, first);
  else
    micro_rows<1>(rows, k, a, row_step, k_step, PlainRows{b, b_stride}, c, c_stride, first);
}

size_t product_scratch(int64_t rows, int64_t panels, int64_t longest_k) {
  const int64_t whole = (longest_k + kPanel - 1) / kPanel * kPanel;
  const int64_t depth = whole < kDepth ? whole : kDepth;
  return static_cast<size_t>(rows * (panels * kPanel) +
                             (rows + kRowPadding) * (depth + kRowPadding) + depth * kPanel +
                             kLineBytes / sizeof(float));
}

namespace {

// Rows [k0, k0 + depth) of panel p of the transposition of term.panels, and what follows them up to
// a whole panel's width: columns of the one are rows of the others.
template <typename Source>
void read_across(const TileTerm& term, int64_t n, int64_t p, int64_t k0, int64_t depth,
                 float* out) {
  const auto* panels = static_cast<const typename Source::Element*>(term.panels);
  const int64_t width = n - p * kPanel < kPanel ? n - p * kPanel : kPanel;
  for (int64_t d = 0; d < depth; d += kPanel) {
    const auto* square = panels + ((k0 + d) / kPanel * n + p * kPanel) * kPanel;
    for (int64_t j = 0; j < width; j += kNativeLanes) {
      for (int half = 0; half < 2; ++half) {
        const auto* first = square + j * kPanel;
        NativeF rows[kNativeLanes];
        if (width - j >= kNativeLanes) {
#pragma GCC unroll 16
          for (int i = 0; i < kNativeLanes; ++i) {
            rows[i] = Source::half_row(first + i * kPanel, half);
            // The square beside it, for the next panel.
            __builtin_prefetch(first + (kPanel + i) * kPanel + half * kNativeLanes, 0, 2);
          }
        } else {
          for (int i = 0; i < kNativeLanes; ++i)
            rows[i] = j + i < width ? Source::half_row(first + i * kPanel, half) : NativeF{};
        }
        transpose(rows);
        float* to = out + (d + half * kNativeLanes) * kPanel + j;
#pragma GCC unroll 16
        for (int i = 0; i < kNativeLanes; ++i) store_native(to + i * kPanel, rows[i]);
      }
    }
  }
}

// A block of a panel as the row tiles read it: rows of floats, or of 16-bit elements that the first
// row tile leaves as floats at `rows` for the others.
struct RightBlock {
  const float* rows;
  int64_t stride = kPanel;
  const uint16_t* narrow = nullptr;
};

// Rows [k0, k0 + depth) of panel p, by which `left_rows` rows are multiplied. memory: kPanel floats
// for each of them, their number rounded up to a multiple of kPanel.
RightBlock right_block(const TileTerm& term, int64_t n, int64_t p, int64_t k0, int64_t depth,
                       int64_t left_rows, float* memory) {
  if (term.across) {
    with_source(term.panel_dtype,
                [&](auto source) { read_across<decltype(source)>(term, n, p, k0, depth, memory); });
    return {memory};
  }
  const int64_t first = (p * term.k + k0) * kPanel;
  if (term.plain_stride == 0 && term.panel_dtype == 0)
    return {static_cast<const float*>(term.panels) + first};
  if (term.plain_stride == 0)
    return {memory, kPanel, static_cast<const uint16_t*>(term.panels) + first};
  const float* rows = static_cast<const float*>(term.panels) + k0 * term.plain_stride + p * kPanel;
  const int64_t width = n - p * kPanel < kPanel ? n - p * kPanel : kPanel;
  if (left_rows <= kRowTile && (width == kPanel || width == kNativeLanes))
    return {rows, term.plain_stride};
  for (int64_t i = 0; i < depth; ++i) {
    float* to = memory + i * kPanel;
    copy_floats(rows + i * term.plain_stride, to, width);
    for (int64_t j = width; j < kPanel; ++j) to[j] = 0.0f;
  }
  return {memory};
}

int64_t row_bytes(const TileTerm& term) { return kPanel * (term.panel_dtype == 0 ? 4 : 2); }

// What is multiplied after panel p from depth k0 on, by this task or by the next one of other
// panels: consecutive tasks are one thread's, and a task of few rows has but a few panels. Null
// where nothing is to be fetched.
const char* next_block(const TileTerm& term, int64_t n, int64_t panel_begin, int64_t panel_end,
                       int64_t p, int64_t k0, int64_t depth) {
  if (term.plain_stride != 0 || term.across || term.k * n < kFetchFloats) return nullptr;
  const auto* panels = static_cast<const char*>(term.panels);
  if (p + 1 < panel_end) return panels + ((p + 1) * term.k + k0) * row_bytes(term);
  if (k0 + depth < term.k) return panels + (panel_begin * term.k + k0 + depth) * row_bytes(term);
  return panel_end * kPanel < n ? panels + panel_end * term.k * row_bytes(term) : nullptr;
}

}  // namespace

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
    const bool copy =
        rows > kRowTile && (transposed ? term.row_step == 1 : term.row_step % kAliasFloats == 0);
    for (int64_t k0 = 0; k0 < term.k; k0 += kDepth) {
      const int64_t depth = term.k - k0 < kDepth ? term.k - k0 : kDepth;
      const float* a = term.left + k0 * term.k_step;
      int64_t row_step = term.row_step, k_step = term.k_step;
      float* panel_copy = left_copy;
      if (copy && transposed) {
        for (int64_t p = 0; p < depth; ++p) copy_floats(a + p * k_step, left_copy + p * rows, rows);
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
      panel_copy = aligned(panel_copy);
      for (int64_t p = panel_begin; p < panel_end; ++p) {
        const int64_t width = n - p * kPanel < kPanel ? n - p * kPanel : kPanel;
        const RightBlock right = right_block(term, n, p, k0, depth, rows, panel_copy);
        float* c = tile + (p - panel_begin) * kPanel;
        const char* const next = rows > kFetchTiles * kRowTile || width <= kNativeLanes
                                     ? nullptr
                                     : next_block(term, n, panel_begin, panel_end, p, k0, depth);
        for (int64_t i = 0; i < rows; i += kRowTile) {
          const int64_t count = rows - i < kRowTile ? rows - i : kRowTile;
          const float* const left = a + i * row_step;
          float* const sums = c + i * tile_stride;
          NextBlock fetched{reinterpret_cast<const char*>(right.narrow), 0};
          if (next != nullptr) {
            const int64_t step = (row_bytes(term) + tiles - 1) / tiles;
            fetched = {next + i / kRowTile * depth * step, step};
          }
          if (right.narrow != nullptr && i == 0) {
            float* const wide = rows > kRowTile ? panel_copy : nullptr;
            const auto multiply = [&](const auto& widened) {
              if (width > kNativeLanes)
                micro_rows<2>(count, depth, left, row_step, k_step, widened, sums, tile_stride,
                              first);
              else
                micro_rows<1>(count, depth, left, row_step, k_step, widened, sums, tile_stride,
                              first);
            };
            if (term.panel_dtype == 1)
              multiply(WideningRows<F16Source>{right.narrow, wide, fetched});
            else
              multiply(WideningRows<BF16Source>{right.narrow, wide, fetched});
          } else if (next != nullptr) {
            micro_rows<2>(count, depth, left, row_step, k_step, FetchingRows{right.rows, fetched},
                          sums, tile_stride, first);
          } else {
            block_product(count, width, depth, left, row_step, k_step, right.rows, right.stride,
                          sums, tile_stride, first);
          }
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
