// Row and element kernels in double.
#include <cmath>

#include "common/philox.h"
#include "tests/engine/kernels/reference.h"

namespace rankscope::tests::reference {

namespace {

double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

struct RowStatistics {
  double mean, rstd;
};

RowStatistics statistics(const Array& x, int64_t row, double epsilon, bool centred) {
  const double width = static_cast<double>(x.cols);
  double mean = 0.0, variance = 0.0;
  if (centred)
    for (int64_t j = 0; j < x.cols; ++j) mean += x.at(row, j) / width;
  for (int64_t j = 0; j < x.cols; ++j) variance += std::pow(x.at(row, j) - mean, 2.0) / width;
  return {mean, 1.0 / std::sqrt(variance + epsilon)};
}

void norm_backward(const Array& x, const Array& gain, double epsilon, const Array& dout,
                   bool centred, bool accumulate, Array& dx, Array* dgain, Array* dbias) {
  const double width = static_cast<double>(x.cols);
  for (int64_t i = 0; i < x.rows; ++i) {
    const RowStatistics s = statistics(x, i, epsilon, centred);
    double g_mean = 0.0, gy_mean = 0.0;
    for (int64_t j = 0; j < x.cols; ++j) {
      const double y = (x.at(i, j) - s.mean) * s.rstd, g = dout.at(i, j) * gain.at(0, j);
      g_mean += centred ? g / width : 0.0;
      gy_mean += g * y / width;
      if (dgain) dgain->at(0, j) += dout.at(i, j) * y;
      if (dbias) dbias->at(0, j) += dout.at(i, j);
    }
    for (int64_t j = 0; j < x.cols; ++j) {
      const double y = (x.at(i, j) - s.mean) * s.rstd, g = dout.at(i, j) * gain.at(0, j);
      const double gradient = s.rstd * (g - g_mean - y * gy_mean);
      dx.at(i, j) = (accumulate ? dx.at(i, j) : 0.0) + gradient;
    }
  }
}

}  // namespace

Array layer_norm(const Array& x, const Array& gain, const Array* bias, double epsilon,
                 Array* stats) {
  Array out(x.rows, x.cols);
  for (int64_t i = 0; i < x.rows; ++i) {
    const RowStatistics s = statistics(x, i, epsilon, true);
    if (stats) stats->at(i, 0) = s.mean, stats->at(i, 1) = s.rstd;
    for (int64_t j = 0; j < x.cols; ++j)
      out.at(i, j) = (x.at(i, j) - s.mean) * s.rstd * gain.at(0, j) + (bias ? bias->at(0, j) : 0.0);
  }
  return out;
}

void layer_norm_backward(const Array& x, const Array& gain, double epsilon, const Array& dout,
                         bool accumulate, Array& dx, Array* dgain, Array* dbias) {
  norm_backward(x, gain, epsilon, dout, true, accumulate, dx, dgain, dbias);
}

Array rms_norm(const Array& x, const Array& gain, double epsilon, Array* stats) {
  Array out(x.rows, x.cols);
  for (int64_t i = 0; i < x.rows; ++i) {
    const RowStatistics s = statistics(x, i, epsilon, false);
    if (stats) stats->at(i, 0) = s.rstd;
    for (int64_t j = 0; j < x.cols; ++j) out.at(i, j) = x.at(i, j) * s.rstd * gain.at(0, j);
  }
  return out;
}

void rms_norm_backward(const Array& x, const Array& gain, double epsilon, const Array& dout,
                       bool accumulate, Array& dx, Array* dgain) {
  norm_backward(x, gain, epsilon, dout, false, accumulate, dx, dgain, nullptr);
}

void rotary(Array& x, int64_t head_dim, const std::vector<int32_t>& positions, const Array& cos,
            const Array& sin, bool inverse) {
  const int64_t half = head_dim / 2;
  for (int64_t i = 0; i < x.rows; ++i) {
    const int64_t position = positions[static_cast<size_t>(i)];
    for (int64_t head = 0; head < x.cols; head += head_dim) {
      for (int64_t j = 0; j < half; ++j) {
        const double c = cos.at(position, j);
        const double s = inverse ? -sin.at(position, j) : sin.at(position, j);
        const double a = x.at(i, head + j), b = x.at(i, head + half + j);
        x.at(i, head + j) = a * c - b * s;
        x.at(i, head + half + j) = b * c + a * s;
      }
    }
  }
}

Array swiglu(const Array& gate, const Array& up) {
  Array out(gate.rows, gate.cols);
  for (size_t i = 0; i < out.values.size(); ++i)
    out.values[i] = gate.values[i] * sigmoid(gate.values[i]) * up.values[i];
  return out;
}

void swiglu_backward(const Array& gate, const Array& up, const Array& dout, Array& dgate,
                     Array& dup) {
  for (size_t i = 0; i < gate.values.size(); ++i) {
    const double g = gate.values[i], s = sigmoid(g);
    dgate.values[i] = dout.values[i] * up.values[i] * s * (1.0 + g * (1.0 - s));
    dup.values[i] = dout.values[i] * g * s;
  }
}

void cross_entropy(Array& logits, const std::vector<int32_t>& labels, double smoothing,
                   double gradient_scale, Array& loss, Array& nll) {
  const double width = static_cast<double>(logits.cols);
  for (int64_t i = 0; i < logits.rows; ++i) {
    const int64_t label = labels[static_cast<size_t>(i)];
    double top = -INFINITY, total = 0.0, mean = 0.0;
    for (int64_t j = 0; j < logits.cols; ++j) top = std::max(top, logits.at(i, j));
    for (int64_t j = 0; j < logits.cols; ++j) total += std::exp(logits.at(i, j) - top);
    const double log_sum = top + std::log(total);
    for (int64_t j = 0; j < logits.cols; ++j) mean += (log_sum - logits.at(i, j)) / width;
    nll.at(i, 0) = log_sum - logits.at(i, label);
    loss.at(i, 0) = (1.0 - smoothing) * nll.at(i, 0) + smoothing * mean;
    if (gradient_scale == 0.0) continue;
    for (int64_t j = 0; j < logits.cols; ++j) {
      const double target = (j == label ? 1.0 - smoothing : 0.0) + smoothing / width;
      logits.at(i, j) = gradient_scale * (std::exp(logits.at(i, j) - log_sum) - target);
    }
  }
}

void gather(const Array& table, const std::vector<int32_t>& ids, bool accumulate, Array& out) {
  for (int64_t i = 0; i < out.rows; ++i)
    for (int64_t j = 0; j < out.cols; ++j)
      out.at(i, j) = (accumulate ? out.at(i, j) : 0.0) + table.at(ids[static_cast<size_t>(i)], j);
}

void replace_rows(const Array& table, const std::vector<int32_t>& ids,
                  const std::vector<int32_t>& rows, Array& x) {
  for (size_t i = 0; i < rows.size(); ++i)
    for (int64_t j = 0; j < x.cols; ++j) x.at(rows[i], j) = table.at(ids[i], j);
}

void scatter_add(const Array& rows, const std::vector<int32_t>& ids, Array& table) {
  for (int64_t i = 0; i < rows.rows; ++i)
    for (int64_t j = 0; j < rows.cols; ++j)
      table.at(ids[static_cast<size_t>(i)], j) += rows.at(i, j);
}

void column_sum(const Array& x, Array& out) {
  for (int64_t i = 0; i < x.rows; ++i)
    for (int64_t j = 0; j < x.cols; ++j) out.at(0, j) += x.at(i, j);
}

void dropout(const Array& x, float p, const std::array<uint32_t, 2>& key,
             const std::vector<uint64_t>& row_ids, bool accumulate, Array& out) {
  for (int64_t i = 0; i < x.rows; ++i) {
    const uint64_t id = row_ids[static_cast<size_t>(i)];
    for (int64_t j = 0; j < x.cols; ++j) {
      const auto words = philox4x32_10({static_cast<uint32_t>(j / 4), 0, static_cast<uint32_t>(id),
                                        static_cast<uint32_t>(id >> 32)},
                                       key);
      const bool kept = double{static_cast<double>(words[static_cast<size_t>(j % 4)])} >=
                        static_cast<double>(p) * 0x1p32;
      out.at(i, j) = (accumulate ? out.at(i, j) : 0.0) +
                     (kept ? x.at(i, j) / (1.0 - static_cast<double>(p)) : 0.0);
    }
  }
}

void add(const Array& x, Array& y) {
  for (size_t i = 0; i < x.values.size(); ++i) y.values[i] += x.values[i];
}

void multiply(const Array& x, Array& y) {
  for (size_t i = 0; i < x.values.size(); ++i) y.values[i] *= x.values[i];
}

double sum_of_squares(const Array& x) {
  double total = 0.0;
  for (const double value : x.values) total += value * value;
  return total;
}

// Loshchilov and Hutter (arXiv 1711.05101), Algorithm 2, in the form of torch.optim.AdamW.
void adamw(const AdamWStep& step, double learning_rate, Array& parameter, const Array& gradient,
           Array& first_moment, Array& second_moment) {
  const double b1 = step.beta1, b2 = step.beta2, lr = learning_rate;
  const double steps = static_cast<double>(step.step);
  for (size_t i = 0; i < parameter.values.size(); ++i) {
    double& p = parameter.values[i];
    double& m = first_moment.values[i];
    double& v = second_moment.values[i];
    const double g = gradient.values[i] * double{step.gradient_scale};
    p *= 1.0 - lr * double{step.weight_decay};
    m = b1 * m + (1.0 - b1) * g;
    v = b2 * v + (1.0 - b2) * g * g;
    const double denominator =
        std::sqrt(v) / std::sqrt(1.0 - std::pow(b2, steps)) + double{step.epsilon};
    p -= lr / (1.0 - std::pow(b1, steps)) * m / denominator;
  }
}

}  // namespace rankscope::tests::reference
