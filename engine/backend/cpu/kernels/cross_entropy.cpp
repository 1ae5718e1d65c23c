// Softmax cross entropy of rows of logits, and its gradient in place.
#include "engine/backend/cpu/kernels/row_kernels.h"
#include "engine/backend/cpu/kernels/softmax_sums.h"

namespace rankscope::cpu::RANKSCOPE_ISA {

void cross_entropy(float* logits, int64_t stride, int64_t rows, int64_t cols, const int32_t* labels,
                   float smoothing, float gradient_scale, float* loss, float* nll) {
  const double s = smoothing, width = static_cast<double>(cols), scale = gradient_scale;
  for (int64_t i = 0; i < rows; ++i) {
    float* x = logits + i * stride;
    const int64_t label = labels[i];
    if (label < 0 || label >= cols) {
      loss[i] = nll[i] = __builtin_nanf("");
      continue;
    }
    const float top = row_maximum(x, cols);
    const double label_difference = static_cast<double>(x[label]) - static_cast<double>(top);
    const RowSums sums = sum_row(x, cols, top, gradient_scale != 0.0f);
    const double log_sum = __builtin_log(sums.exponentials);
    const double row_nll = log_sum - label_difference;
    nll[i] = static_cast<float>(row_nll);
    // Without smoothing an infinite difference, of a logit of -infinity, must not meet a zero.
    const double row_loss =
        s == 0.0 ? row_nll : (1.0 - s) * row_nll + s * (log_sum - sums.differences / width);
    loss[i] = static_cast<float>(row_loss);
    if (gradient_scale == 0.0f) continue;
    const double label_gradient =
        scale * (static_cast<double>(x[label]) / sums.exponentials - (1.0 - s) - s / width);
    const F16 factor = F16::broadcast(static_cast<float>(scale / sums.exponentials));
    const F16 uniform = F16::broadcast(static_cast<float>(-scale * s / width));
    each_chunk(cols, [&](int64_t c, int64_t n) RANKSCOPE_INLINE {
      multiply_add(F16::load_first(x + c, n), factor, uniform).store_first(x + c, n);
    });
    x[label] = static_cast<float>(label_gradient);
  }
}

}  // namespace rankscope::cpu::RANKSCOPE_ISA
