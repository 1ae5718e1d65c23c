#include "engine/backend/backend.h"

namespace rankscope {

Tensor Backend::zeros(int64_t rows, int64_t cols) {
  Tensor t = floats(rows, cols);
  fill_zero(t.matrix());
  return t;
}

std::vector<float> Backend::to_host(ConstMatrix from) {
  std::vector<float> values(static_cast<size_t>(from.rows * from.cols));
  download(from, values.data());
  return values;
}

const float* Backend::host_values(const Tensor& tensor, std::vector<std::vector<float>>& copies) {
  if (in_host_memory()) return tensor.data();
  copies.push_back(to_host(tensor.view()));
  return copies.back().data();
}

std::vector<double> Backend::sums_of_squares(
    std::span<const std::span<const std::span<const float>>> groups) {
  std::vector<double> sums;
  for (const auto group : groups) sums.push_back(sum_of_squares(group));
  return sums;
}

std::span<const std::string_view> kernel_names() {
  static constexpr std::string_view names[] = {"pack",
                                               "product",
                                               "finish_product",
                                               "accumulate_outer",
                                               "attention",
                                               "attention_backward",
                                               "store_pages",
                                               "paged_attention",
                                               "copy_rows",
                                               "best_tokens",
                                               "layer_norm",
                                               "layer_norm_backward",
                                               "rms_norm",
                                               "rms_norm_backward",
                                               "rotary",
                                               "swiglu",
                                               "swiglu_backward",
                                               "cross_entropy",
                                               "gather",
                                               "replace_rows",
                                               "scatter_add",
                                               "column_sum",
                                               "dropout",
                                               "add",
                                               "multiply",
                                               "sum_of_squares",
                                               "adamw"};
  return names;
}

}  // namespace rankscope
