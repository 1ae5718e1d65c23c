// Products and attention in double.
#include <cmath>
#include <numbers>

#include "tests/engine/kernels/reference.h"

namespace rankscope::tests::reference {

namespace {

// GELU's tanh form, Hendrycks and Gimpel (arXiv 1606.08415), section 2.
double gelu(double x) {
  const double u = std::sqrt(2.0 / std::numbers::pi) * (x + 0.044715 * x * x * x);
  return 0.5 * x * (1.0 + std::tanh(u));
}

double gelu_derivative(double x) {
  const double root = std::sqrt(2.0 / std::numbers::pi);
  const double t = std::tanh(root * (x + 0.044715 * x * x * x));
  return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * root * (1.0 + 3.0 * 0.044715 * x * x);
}

// One element of a product through its epilogue, `s` being scaled already.
double ended(double s, const Epilogue& e, int64_t i, int64_t j, Array* derivative) {
  if (e.bias) s += e.bias->at(0, j);
  if (derivative)
    derivative->at(i, j) = e.activation == Activation::kGeluTanh ? gelu_derivative(s)
                           : e.activation == Activation::kRelu   ? (s > 0 ? 1.0 : 0.0)
                                                                 : 1.0;
  if (e.activation == Activation::kGeluTanh) s = gelu(s);
  if (e.activation == Activation::kRelu) s = std::max(s, 0.0);
  if (e.multiplier) s *= e.multiplier->at(i, j);
  if (e.residual) s += e.residual->at(i, j);
  return e.previous ? s + e.previous->at(i, j) : s;
}

// Calls body(query row, head, key/value head, first key row, keys seen) for each softmax.
template <typename Body>
void each_softmax(const AttentionShape& shape, const AttentionLayout& layout, const Body& body) {
  for (int64_t s = 0; s < layout.sequences(); ++s) {
    const auto at = static_cast<size_t>(s);
    for (int64_t row = layout.query_begin[at]; row < layout.query_begin[at + 1]; ++row)
      for (int64_t h = 0; h < shape.heads; ++h)
        body(row, h, h / (shape.heads / shape.kv_heads), layout.key_begin[at],
             int64_t{layout.query_positions[static_cast<size_t>(row)]} + 1);
  }
}

double head_dot(const Array& a, int64_t a_row, int64_t a_head, const Array& b, int64_t b_row,
                int64_t b_head, int64_t d) {
  double total = 0.0;
  for (int64_t c = 0; c < d; ++c)
    total += a.at(a_row, a_head * d + c) * b.at(b_row, b_head * d + c);
  return total;
}

// The probabilities of one softmax; log_sum gets the logarithm of its denominator.
std::vector<double> probabilities(const AttentionShape& shape, const Array& q, const Array& k,
                                  int64_t row, int64_t h, int64_t kv, int64_t first, int64_t seen,
                                  double* log_sum) {
  std::vector<double> p(static_cast<size_t>(seen));
  double top = -INFINITY, total = 0.0;
  for (int64_t j = 0; j < seen; ++j) {
    const double s = double{shape.scale} * head_dot(q, row, h, k, first + j, kv, shape.head_dim);
    p[static_cast<size_t>(j)] = s;
    top = std::max(top, s);
  }
  for (const double s : p) total += std::exp(s - top);
  *log_sum = top + std::log(total);
  for (double& s : p) s = std::exp(s - *log_sum);
  return p;
}

}  // namespace

Array product(const std::vector<Term>& terms, const Epilogue& e, Array* derivative) {
  const int64_t m = terms[0].left->rows, n = terms[0].right->cols;
  Array out(m, n);
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double s = 0.0;
      for (const Term& term : terms)
        for (int64_t k = 0; k < term.left->cols; ++k)
          s += term.left->at(i, k) * term.right->at(k, j);
      out.at(i, j) = ended(e.scale * s, e, i, j, derivative);
    }
  }
  return out;
}

Array finish_product(const Array& x, const Array& column_scale, const Epilogue& e,
                     Array* derivative) {
  Array out(x.rows, x.cols);
  for (int64_t i = 0; i < x.rows; ++i)
    for (int64_t j = 0; j < x.cols; ++j)
      out.at(i, j) = ended(column_scale.at(0, j) * x.at(i, j), e, i, j, derivative);
  return out;
}

void accumulate_outer(const Array& left, const Array& right, Array& out) {
  for (int64_t r = 0; r < left.rows; ++r)
    for (int64_t i = 0; i < left.cols; ++i)
      for (int64_t j = 0; j < right.cols; ++j) out.at(i, j) += left.at(r, i) * right.at(r, j);
}

Array attention(const AttentionShape& shape, const AttentionLayout& layout, const Array& q,
                const Array& k, const Array& v, Array* log_sum) {
  const int64_t d = shape.head_dim;
  Array out(q.rows, q.cols);
  each_softmax(shape, layout, [&](int64_t row, int64_t h, int64_t kv, int64_t first, int64_t seen) {
    double log_denominator = 0.0;
    const auto p = probabilities(shape, q, k, row, h, kv, first, seen, &log_denominator);
    if (log_sum) log_sum->at(row, h) = log_denominator;
    for (int64_t j = 0; j < seen; ++j)
      for (int64_t c = 0; c < d; ++c)
        out.at(row, h * d + c) += p[static_cast<size_t>(j)] * v.at(first + j, kv * d + c);
  });
  return out;
}

void attention_backward(const AttentionShape& shape, const AttentionLayout& layout, const Array& q,
                        const Array& k, const Array& v, const Array& dout, Array& dq, Array& dk,
                        Array& dv) {
  const int64_t d = shape.head_dim;
  for (Array* gradient : {&dq, &dk, &dv})
    for (double& x : gradient->values) x = 0.0;
  each_softmax(shape, layout, [&](int64_t row, int64_t h, int64_t kv, int64_t first, int64_t seen) {
    double log_denominator = 0.0, mean = 0.0;
    const auto p = probabilities(shape, q, k, row, h, kv, first, seen, &log_denominator);
    for (int64_t j = 0; j < seen; ++j)
      mean += p[static_cast<size_t>(j)] * head_dot(dout, row, h, v, first + j, kv, d);
    for (int64_t j = 0; j < seen; ++j) {
      const double probability = p[static_cast<size_t>(j)];
      const double ds =
          double{shape.scale} * probability * (head_dot(dout, row, h, v, first + j, kv, d) - mean);
      for (int64_t c = 0; c < d; ++c) {
        dq.at(row, h * d + c) += ds * k.at(first + j, kv * d + c);
        dk.at(first + j, kv * d + c) += ds * q.at(row, h * d + c);
        dv.at(first + j, kv * d + c) += probability * dout.at(row, h * d + c);
      }
    }
  });
}

}  // namespace rankscope::tests::reference
