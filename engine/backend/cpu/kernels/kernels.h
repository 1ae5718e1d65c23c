// The serial inner kernels of the CPU backend, one table per instruction set. Each function works
// on the rows, columns or tasks it is given; splitting work over threads is cpu_backend's affair.
// Files that define them are compiled once per instruction set and include no C++ library
// templates, whose inline code the linker would share between sets.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace rankscope::cpu {

// Types of stored weights, where a number says which: 0 = F32, 1 = F16, 2 = BF16.

// One term of a product tile: left rows, element (i, k) at left[i * row_step + k * k_step], times
// packed panels.
struct TileTerm {
  const float* left;
  int64_t row_step;
  int64_t k_step;
  int64_t k;
  const void* panels;    // packed: panel p begins at element p * k * panel_width; or plain rows
  int panel_dtype;       // of packed panels; plain rows are F32
  bool across;           // packed panels of a [n, k] matrix, read as its transposition
  int64_t plain_stride;  // 0: packed; else `panels` is a plain [k, n] matrix of this row stride
};

struct TileEpilogue {
  float scale;
  const float* column_scale;  // or null
  const float* bias;
  int activation;  // value of rankscope::Activation
  float* derivative;
  int64_t derivative_stride;
  const float* multiplier;
  int64_t multiplier_stride;
  const float* residual;
  int64_t residual_stride;
  bool accumulate;
};

struct AttentionTask {
  int64_t head_dim;
  float scale;
  int64_t heads_per_group;  // query heads that share this key/value head
  int64_t first_head;       // of the group
  int64_t kv_head;
  int64_t heads;  // columns of log_sum
  int64_t keys;   // rows of this sequence
  int64_t queries;
  const int32_t* positions;                       // [queries]
  const float *q, *k, *v, *out, *log_sum, *dout;  // first row of this sequence
  int64_t q_stride, k_stride, v_stride, out_stride, dout_stride;
  float *out_w, *log_sum_w, *dq, *dk, *dv;  // what is written; dq, dk, dv may be null
  int64_t dq_stride, dk_stride, dv_stride;
  float* scratch;  // attention_scratch() floats
};

// One query row and one key/value head over kept pages (KeyValuePages of backend.h).
struct PagedAttentionTask {
  int64_t head_dim;
  float scale;
  int64_t heads_per_group;
  int64_t kv_head;
  int64_t keys;
  const int32_t* pages;  // [ceil(keys / 16)]
  const float* q;        // the row, first head of the group
  const float *key_pages, *value_pages;
  int64_t page_stride;  // floats of a page
  float* out;           // like q
  float* scratch;       // paged_attention_scratch() floats
};

// What a row of floats is as bytes: element i about scale * (bytes[i] - 128).
struct ByteRow {
  float scale;
  float norm;       // of the row
  float rest_norm;  // of what the bytes leave of it
};

// A product of such rows by a matrix of bytes in panels: panel p begins at byte p * groups * 4 *
// panel_width, as [groups][panel_width][4], four steps of k together. out = row_scale * scale *
// (sum - offset), a whole panel's columns always.
struct ByteProduct {
  const uint8_t* left;
  int64_t left_stride;  // bytes, at least 4 * groups
  int64_t rows;
  const float* row_scales;  // [rows]
  const int8_t* panels;
  int64_t groups;
  const float* scales;     // [columns]
  const int32_t* offsets;  // [columns]: 128 times the sum of a column's bytes
  float* out;
  int64_t out_stride;
};

struct KernelTable {
  const char* instruction_set;
  int panel_width;  // columns of a packed panel
  int row_tile;     // rows that one inner loop handles; blocks are multiples of it

  // kernels/pack.cpp. Panel p holds columns [p * width, ...) as [k][width], zero-padded, in the
  // type of `data`; steps in elements, element (i, j) at i * row_step + j * col_step.
  void (*pack_panels)(const void* data, int dtype, int64_t row_step, int64_t col_step, int64_t k,
                      int64_t n, int64_t panel_begin, int64_t panel_end, void* panels);

  // kernels/product.cpp. Rows [0, rows) of the tile whose first row is term.left, panels
  // [panel_begin, panel_end) -> out (first row of the tile, column 0 of the matrix).
  // scratch: product_scratch() floats.
  void (*product_tile)(const TileTerm* terms, int term_count, const TileEpilogue& epilogue,
                       int64_t rows, int64_t n, int64_t panel_begin, int64_t panel_end, float* out,
                       int64_t out_stride, float* scratch);
  size_t (*product_scratch)(int64_t rows, int64_t panels, int64_t longest_k);
  // One row of x [n] through the epilogue, whose matrices begin at this row. x may be out.
  void (*finish_row)(const TileEpilogue& epilogue, int64_t n, const float* x, float* out);

  // kernels/attention.cpp
  void (*attention_forward)(const AttentionTask& task);
  void (*attention_backward)(const AttentionTask& task);
  size_t (*attention_scratch)(int64_t keys, int64_t head_dim);

  // kernels/paged_attention.cpp
  void (*paged_attention)(const PagedAttentionTask& task);
  size_t (*paged_attention_scratch)(int64_t keys);

  // kernels/best_tokens.cpp: one row, as in backend.h.
  void (*best_tokens)(float* logits, int64_t cols, const int32_t* banned, int64_t banned_count,
                      int64_t count, int32_t* ids, float* log_probs);

  // kernels/screen.cpp. The others are called only where has_byte_products().
  bool (*has_byte_products)();
  // k floats as bytes, and 128 from k on to `padded`.
  ByteRow (*bytes_of_row)(const float* row, int64_t k, uint8_t* bytes, int64_t padded);
  void (*byte_product)(const ByteProduct& task, int64_t panel_begin, int64_t panel_end);
  // The columns, in order, that can hold the largest of a row's elements, column c being within
  // norm * by_norm[c] + rest_norm * by_rest[c] of estimates[c]. Returns their number; most + 1,
  // with `columns` [most] full, where there are more.
  int64_t (*screened_columns)(const float* estimates, const float* by_norm, const float* by_rest,
                              int64_t cols, float norm, float rest_norm, int32_t* columns,
                              int64_t most);
  // The elements of a product's row in some columns, with the bits that product_tile() gives them.
  // Column c of the right operand is k elements that follow one another from c * stride on.
  void (*column_products)(const float* left, const void* right, int dtype, int64_t stride,
                          int64_t k, const int32_t* columns, int64_t count, float* out);

  // kernels/norm.cpp: `rows` rows, strides in floats. Formulas as in backend.h.
  void (*layer_norm)(const float* x, int64_t x_stride, const float* gain, const float* bias,
                     float epsilon, int64_t rows, int64_t cols, float* out, int64_t out_stride,
                     float* stats);
  void (*layer_norm_dx)(const float* x, int64_t x_stride, const float* gain, const float* stats,
                        const float* dout, int64_t dout_stride, bool accumulate, int64_t rows,
                        int64_t cols, float* dx, int64_t dx_stride);
  // Columns [col_begin, col_end) of dgain and dbias over all rows, in row order.
  void (*layer_norm_dgain)(const float* x, int64_t x_stride, const float* stats, const float* dout,
                           int64_t dout_stride, int64_t rows, int64_t col_begin, int64_t col_end,
                           float* dgain, float* dbias);
  void (*rms_norm)(const float* x, int64_t x_stride, const float* gain, float epsilon, int64_t rows,
                   int64_t cols, float* out, int64_t out_stride, float* stats);
  void (*rms_norm_dx)(const float* x, int64_t x_stride, const float* gain, const float* stats,
                      const float* dout, int64_t dout_stride, bool accumulate, int64_t rows,
                      int64_t cols, float* dx, int64_t dx_stride);
  void (*rms_norm_dgain)(const float* x, int64_t x_stride, const float* stats, const float* dout,
                         int64_t dout_stride, int64_t rows, int64_t col_begin, int64_t col_end,
                         float* dgain);

  // kernels/elementwise.cpp
  void (*rotary)(float* x, int64_t x_stride, int64_t rows, int64_t heads, int64_t head_dim,
                 const int32_t* positions, const float* cos, const float* sin, int64_t table_stride,
                 bool inverse);
  void (*swiglu)(const float* gate, const float* up, int64_t count, float* out);
  void (*swiglu_backward)(const float* gate, const float* up, const float* dout, int64_t count,
                          float* dgate, float* dup);
  void (*add)(const float* x, int64_t count, float* y);
  void (*multiply)(const float* x, int64_t count, float* y);
  void (*column_sum)(const float* x, int64_t x_stride, int64_t rows, int64_t col_begin,
                     int64_t col_end, float* out);
  // One fixed block (at most 65,536 floats), summed in double lanes.
  double (*sum_of_squares)(const float* x, int64_t count);
  // kernels/dropout.cpp. Element (i, c) is kept, and divided by 1 - p, where its word is at least
  // p * 2^32. The word is number c % 4 of Philox4x32-10 with this key and the counter
  // {c / 4, 0, low half of row_ids[i], high half of row_ids[i]}: bits(c) of Draws at that step.
  void (*dropout)(const float* x, int64_t x_stride, int64_t rows, int64_t cols, float p,
                  const uint32_t key[2], const uint64_t* row_ids, bool accumulate, float* out,
                  int64_t out_stride);
  // kernels/gather.cpp
  void (*gather)(const void* table, int dtype, int64_t row_step, int64_t col_step, int64_t cols,
                 const int32_t* ids, int64_t rows, bool accumulate, float* out, int64_t out_stride);
  void (*adamw)(double learning_rate, double beta1, double beta2, double epsilon,
                double weight_decay, int64_t step, double gradient_scale, int64_t count,
                float* parameter, const float* gradient, float* first_moment, float* second_moment);

  // kernels/cross_entropy.cpp. A label outside [0, cols) makes the row's loss NaN.
  void (*cross_entropy)(float* logits, int64_t stride, int64_t rows, int64_t cols,
                        const int32_t* labels, float smoothing, float gradient_scale, float* loss,
                        float* nll);
};

const KernelTable& kernels_generic();
const KernelTable& kernels_avx2();
const KernelTable& kernels_avx512();
// The widest set that this processor runs; the environment variable RANKSCOPE_ISA (generic, avx2,
// avx512) narrows it. Throws InputError where that names a set the processor lacks.
const KernelTable& best_kernels();

}  // namespace rankscope::cpu
