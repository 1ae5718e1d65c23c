// The kernels of norm.cpp, elementwise.cpp, dropout.cpp, gather.cpp, cross_entropy.cpp and
// best_tokens.cpp. What
// each does stands at the field of its name in KernelTable.
#pragma once

#include "engine/backend/cpu/kernels/kernels.h"

namespace rankscope::cpu::RANKSCOPE_ISA {

// norm.cpp
void layer_norm(const float* x, int64_t x_stride, const float* gain, const float* bias,
                float epsilon, int64_t rows, int64_t cols, float* out, int64_t out_stride,
                float* stats);
void layer_norm_dx(const float* x, int64_t x_stride, const float* gain, const float* stats,
                   const float* dout, int64_t dout_stride, bool accumulate, int64_t rows,
                   int64_t cols, float* dx, int64_t dx_stride);
void layer_norm_dgain(const float* x, int64_t x_stride, const float* stats, const float* dout,
                      int64_t dout_stride, int64_t rows, int64_t col_begin, int64_t col_end,
                      float* dgain, float* dbias);
void rms_norm(const float* x, int64_t x_stride, const float* gain, float epsilon, int64_t rows,
              int64_t cols, float* out, int64_t out_stride, float* stats);
void rms_norm_dx(const float* x, int64_t x_stride, const float* gain, const float* stats,
                 const float* dout, int64_t dout_stride, bool accumulate, int64_t rows,
                 int64_t cols, float* dx, int64_t dx_stride);
void rms_norm_dgain(const float* x, int64_t x_stride, const float* stats, const float* dout,
                    int64_t dout_stride, int64_t rows, int64_t col_begin, int64_t col_end,
                    float* dgain);

// elementwise.cpp
void rotary(float* x, int64_t x_stride, int64_t rows, int64_t heads, int64_t head_dim,
            const int32_t* positions, const float* cos, const float* sin, int64_t table_stride,
            bool inverse);
void swiglu(const float* gate, const float* up, int64_t count, float* out);
void swiglu_backward(const float* gate, const float* up, const float* dout, int64_t count,
                     float* dgate, float* dup);
void add(const float* x, int64_t count, float* y);
void multiply(const float* x, int64_t count, float* y);
void column_sum(const float* x, int64_t x_stride, int64_t rows, int64_t col_begin, int64_t col_end,
                float* out);
double sum_of_squares(const float* x, int64_t count);
void adamw(double learning_rate, double beta1, double beta2, double epsilon, double weight_decay,
           int64_t step, double gradient_scale, int64_t count, float* parameter,
           const float* gradient, float* first_moment, float* second_moment);

// dropout.cpp
void dropout(const float* x, int64_t x_stride, int64_t rows, int64_t cols, float p,
             const uint32_t key[2], const uint64_t* row_ids, bool accumulate, float* out,
             int64_t out_stride);

// gather.cpp
void gather(const void* table, int dtype, int64_t row_step, int64_t col_step, int64_t cols,
            const int32_t* ids, int64_t rows, bool accumulate, float* out, int64_t out_stride);

// cross_entropy.cpp
void cross_entropy(float* logits, int64_t stride, int64_t rows, int64_t cols, const int32_t* labels,
                   float smoothing, float gradient_scale, float* loss, float* nll);

// best_tokens.cpp
void best_tokens(float* logits, int64_t cols, const int32_t* banned, int64_t banned_count,
                 int64_t count, int32_t* ids, float* log_probs);

}  // namespace rankscope::cpu::RANKSCOPE_ISA
