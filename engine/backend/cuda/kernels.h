// The CUDA backend's own kernels, by the file under kernels/ that holds each. All pointers are the
// device's; calls return before the work is done and run in the order of the stream. A Matrix
// tells its element type: F32, or BF16 for activations in bf16; pointers to float are F32. All
// arithmetic is fp32. What each computes stands at the function of its name in backend.h; a row's
// result depends on that row alone, sums over rows run in row order in blocks of fixed size, and
// nothing is added by atomics.
//
// Where two matrices are named together they have one element type unless the comment says so.
#pragma once

#include <cstdint>
#include <span>

#include "engine/backend/backend.h"
#include "engine/backend/cuda/device.h"

namespace rankscope::RANKSCOPE_CUDA {

// ---- elementwise.cu ---------------------------------------------------------------------------
// to = from, converted: `from` F32, F16 or BF16 with any strides, `to` F32 or BF16.
void convert(Stream stream, const WeightView& from, Matrix to);
void add(Stream stream, ConstMatrix x, Matrix y);
void multiply(Stream stream, ConstMatrix x, Matrix y);
void swiglu(Stream stream, ConstMatrix gate, ConstMatrix up, Matrix out);
void swiglu_backward(Stream stream, ConstMatrix gate, ConstMatrix up, ConstMatrix dout,
                     Matrix dgate, Matrix dup);
// `positions` on the device; cos and sin F32.
void rotary(Stream stream, Matrix x, int64_t head_dim, const int32_t* positions, ConstMatrix cos,
            ConstMatrix sin, bool inverse);
// `row_ids` on the device.
void dropout(Stream stream, ConstMatrix x, float p, const uint32_t key[2], const uint64_t* row_ids,
             bool accumulate, Matrix out);

// ---- norm.cu: stats, gain and bias F32; x, out, dout, dx of one type. `scratch` holds
// norm_scratch_floats(rows, cols) floats; needed only where dgain or dbias is wanted.
int64_t norm_scratch_floats(int64_t rows, int64_t cols);
void layer_norm(Stream stream, ConstMatrix x, const float* gain, const float* bias, float epsilon,
                Matrix out, Matrix stats);
void layer_norm_backward(Stream stream, ConstMatrix x, const float* gain, ConstMatrix stats,
                         ConstMatrix dout, bool accumulate, Matrix dx, float* dgain, float* dbias,
                         float* scratch);
void rms_norm(Stream stream, ConstMatrix x, const float* gain, float epsilon, Matrix out,
              Matrix stats);
void rms_norm_backward(Stream stream, ConstMatrix x, const float* gain, ConstMatrix stats,
                       ConstMatrix dout, bool accumulate, Matrix dx, float* dgain, float* scratch);

// ---- rows.cu: ids on the device.
// The table F32, F16 or BF16 on the device, with any strides; out of either type.
void gather(Stream stream, const WeightView& table, const int32_t* ids, bool accumulate,
            Matrix out);
// x[rows[i]] = table[ids[i]] for `count` rows; types as above.
void replace_rows(Stream stream, const WeightView& table, const int32_t* ids, const int32_t* rows,
                  int64_t count, Matrix x);
// Rows of either type, table of either type. Repeated ids add up in the order of the rows, without
// atomics: `order` [rows] lists the rows sorted by id, stably, and `begin` [groups + 1] the groups
// of equal ids in it.
void scatter_add(Stream stream, ConstMatrix rows, const int32_t* ids, const int32_t* order,
                 const int32_t* begin, int64_t groups, Matrix table);
// out [cols] (F32) += the sum of the rows of x. scratch: column_sum_scratch_floats(rows, cols).
int64_t column_sum_scratch_floats(int64_t rows, int64_t cols);
void column_sum(Stream stream, ConstMatrix x, float* out, float* scratch);
// x[to[i]] = x[from[i]] for every i; no row is both read and written.
void copy_rows(Stream stream, const int32_t* from, const int32_t* to, int64_t count, Matrix x);

// ---- cross_entropy.cu: logits F32, labels, loss and nll on the device. Where gradient_scale is
// not 0 the gradient replaces the logits: as F32 in place, or, with `narrow_gradient`, as BF16 at
// the beginning of each row's memory (row i's element j is the j-th 16-bit word behind the address
// of the row's first logit) and zeros in the columns behind it, gradient_columns(cols) in all. A
// label outside [0, cols) makes the row's loss and nll NaN. Whole multiples of kWhole where the
// row's logits have that much memory.
inline constexpr int64_t kWhole = 16;
inline int64_t gradient_columns(int64_t cols) {
  const int64_t whole = (cols + kWhole - 1) / kWhole * kWhole;
  return whole <= 2 * cols ? whole : cols;
}
void cross_entropy(Stream stream, Matrix logits, const int32_t* labels, float smoothing,
                   float gradient_scale, bool narrow_gradient, float* loss, float* nll);

// ---- best_tokens.cu: logits F32 (changed: banned tokens' become -infinity). Row r's banned ids
// are banned[begin[r], begin[r+1]); both may be null. ids and log_probs [rows, count] on the
// device.
void best_tokens(Stream stream, Matrix logits, const int32_t* banned, const int64_t* banned_begin,
                 int64_t count, int32_t* ids, float* log_probs);

// ---- optimizer.cu
// The sums of squares of the given arrays, together, in double, in an order fixed by their sizes
// alone, to *sum. scratch: squares_scratch_doubles(arrays) doubles.
struct FloatSpan {
  const float* data;
  int64_t count;
};
int64_t squares_scratch_doubles(std::span<const FloatSpan> arrays);
void sum_of_squares(Stream stream, std::span<const FloatSpan> arrays, double* scratch, double* sum);
struct AdamWArrays {
  float* parameter;
  float* gradient;  // zeroed
  float* first_moment;
  float* second_moment;
  int64_t count;
  double learning_rate;
};
// One update of all arrays, in as few launches as kernel parameters allow. The arithmetic of the
// CPU's kernel (engine/backend/cpu/kernels/elementwise.cpp).
void adamw(Stream stream, const AdamWStep& step, std::span<const AdamWArrays> arrays);

// ---- narrow_right.cu, product_ends.cu, narrow_outer.cu: the small products of low-rank updates. r
// is small (1 to some hundreds). Ranges of rows are disjoint and rise. Rows [begin, end) of out,
// its first r columns (F32) = scale * x [rows, k] right [k, r], right F32 with any strides (A^T or
// B).
struct NarrowRight {
  int64_t begin, end;
  WeightView right;
  float scale;
};
void narrow_right(Stream stream, ConstMatrix x, std::span<const NarrowRight> parts, Matrix out);
// What a product begins with and what it ends with, around cuBLASLt's own part. out = (accumulate ?
// out : 0) + bias + residual + scale * left [rows, r] right [r, n] in the rows of each term: left
// and right F32 on the device (right with any strides), left having all rows of out; bias F32 [n]
// or null; residual of out's type or empty; out F32 or BF16.
struct NarrowTerm {
  int64_t begin, end;
  ConstMatrix left;
  WeightView right;
};
void start_product(Stream stream, std::span<const NarrowTerm> terms, float scale, const float* bias,
                   ConstMatrix residual, bool accumulate, Matrix out);
// With s = column_scale * raw + bias: the activation, derivative, multiplier, residual and
// accumulation of ProductEpilogue (its `scale` is done). column_scale F32 [n], or null. raw may be
// out.
void finish_product(Stream stream, ConstMatrix raw, const float* column_scale,
                    const ProductEpilogue& epilogue, Matrix out);
// Element (i, j) of narrow^T wide is added to out[i * narrow_step + j * wide_step] (F32). narrow
// [rows, r] and wide [rows, n] are each F32 or BF16. Parts write to different elements. scratch:
// narrow_outer_scratch_floats(parts).
struct NarrowOuter {
  ConstMatrix narrow, wide;
  float* out;
  int64_t narrow_step, wide_step;
};
int64_t narrow_outer_scratch_floats(std::span<const NarrowOuter> parts);
void narrow_outer(Stream stream, std::span<const NarrowOuter> parts, float* scratch);

// ---- attention.cu: q, k, v, out, dout, dq, dk, dv of one type, log_sum F32. The layout's arrays
// are on the device.
struct DeviceLayout {
  const int64_t* key_begin;        // [sequences + 1]
  const int64_t* query_begin;      // [sequences + 1]
  const int32_t* query_positions;  // [query rows]
  int64_t sequences = 0;
  int64_t longest_keys = 0;  // of any sequence
  int64_t longest_queries = 0;
};
void attention(Stream stream, const AttentionShape& shape, const DeviceLayout& layout,
               ConstMatrix q, ConstMatrix k, ConstMatrix v, Matrix out, Matrix log_sum);
// dq, dk, dv are overwritten; each may be empty. scratch: query rows x heads floats.
void attention_backward(Stream stream, const AttentionShape& shape, const DeviceLayout& layout,
                        ConstMatrix q, ConstMatrix k, ConstMatrix v, ConstMatrix out,
                        ConstMatrix log_sum, ConstMatrix dout, Matrix dq, Matrix dk, Matrix dv,
                        float* scratch);

// ---- paged_attention.cu: keys and values of the pages have the type of q and out, in the layout
// of KeyValuePages.
struct DevicePages {
  const int32_t* pages;
  const int64_t* page_begin;  // [query rows]
  const int32_t* keys;        // [query rows]
};
void store_pages(Stream stream, const AttentionShape& shape, ConstMatrix k, ConstMatrix v,
                 const int32_t* slots, const KeyValuePages& pages);
void paged_attention(Stream stream, const AttentionShape& shape, const DevicePages& layout,
                     ConstMatrix q, const KeyValuePages& pages, Matrix out);

}  // namespace rankscope::RANKSCOPE_CUDA
