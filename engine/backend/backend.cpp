#include "engine/backend/backend.h"

#include <algorithm>

namespace rankscope {

Tensor Backend::zeros(int64_t rows, int64_t cols) {
  Tensor t = empty(rows, cols);
  std::fill_n(t.data(), t.size(), 0.0f);
  return t;
}

std::span<const std::string_view> kernel_names() {
  static constexpr std::string_view names[] = {
      "pack",          "product",        "accumulate_outer",   "attention",
      "attention_backward", "store_pages", "paged_attention", "copy_rows", "best_tokens",
      "layer_norm", "layer_norm_backward", "rms_norm",
      "rms_norm_backward", "rotary",     "swiglu",             "swiglu_backward",
      "cross_entropy", "gather",         "scatter_add",        "column_sum",
      "dropout",       "add",            "multiply",           "sum_of_squares",
      "adamw"};
  return names;
}

}  // namespace rankscope
