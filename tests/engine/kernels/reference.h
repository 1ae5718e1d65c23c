// Plain double-precision implementations of every kernel in engine/backend/backend.h: what the
// kernels are held to. Arguments and formulas are those of the function of the same name there;
// where the kernel adds to what was in memory, so does the reference.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/backend/backend.h"

namespace rankscope::tests {

struct Array {
  int64_t rows = 0;
  int64_t cols = 0;
  std::vector<double> values;

  Array() = default;
  Array(int64_t r, int64_t c) : rows(r), cols(c), values(static_cast<size_t>(r * c)) {}
  double& at(int64_t i, int64_t j) { return values[static_cast<size_t>(i * cols + j)]; }
  double at(int64_t i, int64_t j) const { return values[static_cast<size_t>(i * cols + j)]; }
};

namespace reference {

// Null where the product has no such part; `previous` is what accumulate adds to.
struct Epilogue {
  double scale = 1.0;
  const Array* bias = nullptr;
  Activation activation = Activation::kNone;
  const Array* multiplier = nullptr;
  const Array* residual = nullptr;
  const Array* previous = nullptr;
};
struct Term {
  const Array* left;
  const Array* right;
};
Array product(const std::vector<Term>& terms, const Epilogue& epilogue,
              Array* derivative = nullptr);
// column_scale [1, n].
Array finish_product(const Array& x, const Array& column_scale, const Epilogue& epilogue,
                     Array* derivative = nullptr);
void accumulate_outer(const Array& left, const Array& right, Array& out);

Array attention(const AttentionShape& shape, const AttentionLayout& layout, const Array& q,
                const Array& k, const Array& v, Array* log_sum = nullptr);
void attention_backward(const AttentionShape& shape, const AttentionLayout& layout, const Array& q,
                        const Array& k, const Array& v, const Array& dout, Array& dq, Array& dk,
                        Array& dv);

void store_pages(const AttentionShape& shape, const Array& k, const Array& v,
                 const std::vector<int32_t>& slots, Array& keys, Array& values);
Array paged_attention(const AttentionShape& shape, const PagedLayout& layout, const Array& q,
                      const Array& keys, const Array& values);
// log_probs is 0 where ids is -1.
void best_tokens(const Array& logits, const BannedTokens& banned, int64_t count, Array& ids,
                 Array& log_probs);

// stats, dgain, dbias and bias may be null.
Array layer_norm(const Array& x, const Array& gain, const Array* bias, double epsilon,
                 Array* stats = nullptr);
void layer_norm_backward(const Array& x, const Array& gain, double epsilon, const Array& dout,
                         bool accumulate, Array& dx, Array* dgain, Array* dbias);
Array rms_norm(const Array& x, const Array& gain, double epsilon, Array* stats = nullptr);
void rms_norm_backward(const Array& x, const Array& gain, double epsilon, const Array& dout,
                       bool accumulate, Array& dx, Array* dgain);
void rotary(Array& x, int64_t head_dim, const std::vector<int32_t>& positions, const Array& cos,
            const Array& sin, bool inverse);
Array swiglu(const Array& gate, const Array& up);
void swiglu_backward(const Array& gate, const Array& up, const Array& dout, Array& dgate,
                     Array& dup);
void cross_entropy(Array& logits, const std::vector<int32_t>& labels, double smoothing,
                   double gradient_scale, Array& loss, Array& nll);
void gather(const Array& table, const std::vector<int32_t>& ids, bool accumulate, Array& out);
void replace_rows(const Array& table, const std::vector<int32_t>& ids,
                  const std::vector<int32_t>& rows, Array& x);
void scatter_add(const Array& rows, const std::vector<int32_t>& ids, Array& table);
void column_sum(const Array& x, Array& out);
void dropout(const Array& x, float p, const std::array<uint32_t, 2>& key,
             const std::vector<uint64_t>& row_ids, bool accumulate, Array& out);
void add(const Array& x, Array& y);
void multiply(const Array& x, Array& y);
double sum_of_squares(const Array& x);
void adamw(const AdamWStep& step, double learning_rate, Array& parameter, const Array& gradient,
           Array& first_moment, Array& second_moment);

}  // namespace reference
}  // namespace rankscope::tests
