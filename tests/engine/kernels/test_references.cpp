// The references themselves: each backward against central differences of its forward.
#include <catch2/catch.hpp>

#include <cmath>
#include <functional>
#include <string>

#include "common/draws.h"
#include "tests/engine/kernels/reference.h"

namespace rankscope::tests {
namespace {

Array drawn(const std::string& name, int64_t rows, int64_t cols) {
  Array a(rows, cols);
  const Draws draws(1, "test", name);
  for (size_t i = 0; i < a.values.size(); ++i) a.values[i] = double{draws.normal(i)};
  return a;
}

double weighted(const Array& a, const Array& weights) {
  double total = 0.0;
  for (size_t i = 0; i < a.values.size(); ++i) total += a.values[i] * weights.values[i];
  return total;
}

// gradient against (f(x + h) - f(x - h)) / 2h in each element of x, which f reads.
void check_gradient(const std::function<double()>& f, Array& x, const Array& gradient) {
  constexpr double h = 1e-5;
  REQUIRE(x.values.size() == gradient.values.size());
  for (size_t i = 0; i < x.values.size(); ++i) {
    const double kept = x.values[i];
    x.values[i] = kept + h;
    const double above = f();
    x.values[i] = kept - h;
    const double below = f();
    x.values[i] = kept;
    const double difference = (above - below) / (2.0 * h);
    INFO("element " << i);
    CHECK(std::abs(difference - gradient.values[i]) <= 1e-6 * (1.0 + std::abs(difference)));
  }
}

TEST_CASE("reference: the derivative of a product's gelu is its difference quotient") {
  Array left = drawn("left", 3, 4), right = drawn("right", 4, 5), bias = drawn("bias", 1, 5);
  const Array weights = drawn("weights", 3, 5);
  reference::Epilogue e;
  e.scale = 0.7;
  e.bias = &bias;
  e.activation = Activation::kGeluTanh;
  auto f = [&] { return weighted(reference::product({{&left, &right}}, e), weights); };
  Array ds(3, 5), dright(4, 5), dbias(1, 5);
  reference::product({{&left, &right}}, e, &ds);
  reference::multiply(weights, ds);
  reference::column_sum(ds, dbias);
  check_gradient(f, bias, dbias);
  reference::accumulate_outer(left, ds, dright);
  for (double& x : dright.values) x *= e.scale;
  check_gradient(f, right, dright);
}

TEST_CASE("reference: attention's gradients are difference quotients") {
  for (const int64_t kv_heads : {1, 2, 4}) {
    const AttentionShape shape{4, kv_heads, 3, 0.6f};
    const AttentionLayout layout{{0, 5, 6, 9}, {0, 3, 4, 7}, {0, 2, 4, 0, 0, 1, 2}};
    Array q = drawn("q", 7, 12), k = drawn("k", 9, kv_heads * 3), v = drawn("v", 9, kv_heads * 3);
    const Array dout = drawn("dout", 7, 12);
    Array dq(7, 12), dk(9, kv_heads * 3), dv(9, kv_heads * 3);
    reference::attention_backward(shape, layout, q, k, v, dout, dq, dk, dv);
    auto f = [&] { return weighted(reference::attention(shape, layout, q, k, v), dout); };
    check_gradient(f, q, dq);
    check_gradient(f, k, dk);
    check_gradient(f, v, dv);
  }
}

TEST_CASE("reference: the norms' gradients are difference quotients") {
  Array x = drawn("x", 4, 7), gain = drawn("gain", 1, 7), bias = drawn("bias", 1, 7);
  const Array dout = drawn("dout", 4, 7);
  Array dx(4, 7), dgain(1, 7), dbias(1, 7);
  reference::layer_norm_backward(x, gain, 1e-5, dout, false, dx, &dgain, &dbias);
  auto layer = [&] { return weighted(reference::layer_norm(x, gain, &bias, 1e-5), dout); };
  check_gradient(layer, x, dx);
  check_gradient(layer, gain, dgain);
  check_gradient(layer, bias, dbias);
  Array rms_dx(4, 7), rms_dgain(1, 7);
  reference::rms_norm_backward(x, gain, 1e-5, dout, false, rms_dx, &rms_dgain);
  auto rms = [&] { return weighted(reference::rms_norm(x, gain, 1e-5), dout); };
  check_gradient(rms, x, rms_dx);
  check_gradient(rms, gain, rms_dgain);
}

TEST_CASE("reference: rotating back is the gradient of rotary") {
  Array x = drawn("x", 3, 8);
  const Array dout = drawn("dout", 3, 8);
  Array cos(4, 2), sin(4, 2);
  for (int64_t p = 0; p < 4; ++p)
    for (int64_t j = 0; j < 2; ++j) {
      cos.at(p, j) = std::cos(static_cast<double>(p) * (j == 0 ? 1.0 : 0.01));
      sin.at(p, j) = std::sin(static_cast<double>(p) * (j == 0 ? 1.0 : 0.01));
    }
  const std::vector<int32_t> positions = {3, 0, 2};
  Array dx = dout;
  reference::rotary(dx, 4, positions, cos, sin, true);
  check_gradient(
      [&] {
        Array y = x;
        reference::rotary(y, 4, positions, cos, sin, false);
        return weighted(y, dout);
      },
      x, dx);
}

TEST_CASE("reference: SwiGLU's gradients are difference quotients") {
  Array gate = drawn("gate", 3, 5), up = drawn("up", 3, 5);
  const Array dout = drawn("dout", 3, 5);
  Array dgate(3, 5), dup(3, 5);
  reference::swiglu_backward(gate, up, dout, dgate, dup);
  auto f = [&] { return weighted(reference::swiglu(gate, up), dout); };
  check_gradient(f, gate, dgate);
  check_gradient(f, up, dup);
}

TEST_CASE("reference: the cross entropy's gradient is its difference quotient") {
  for (const double smoothing : {0.0, 0.1}) {
    Array logits = drawn("logits", 3, 6);
    const std::vector<int32_t> labels = {5, 0, 2};
    auto f = [&] {
      Array copy = logits, loss(3, 1), nll(3, 1);
      reference::cross_entropy(copy, labels, smoothing, 0.0, loss, nll);
      return 0.3 * (loss.at(0, 0) + loss.at(1, 0) + loss.at(2, 0));
    };
    Array gradient = logits, loss(3, 1), nll(3, 1);
    reference::cross_entropy(gradient, labels, smoothing, 0.3, loss, nll);
    check_gradient(f, logits, gradient);
  }
}

TEST_CASE("reference: scatter_add is the gradient of gather") {
  Array table = drawn("table", 4, 3);
  const Array dout = drawn("dout", 5, 3);
  const std::vector<int32_t> ids = {2, 0, 2, 3, 2};
  Array dtable(4, 3);
  reference::scatter_add(dout, ids, dtable);
  check_gradient(
      [&] {
        Array out(5, 3);
        reference::gather(table, ids, false, out);
        return weighted(out, dout);
      },
      table, dtable);
}

TEST_CASE("reference: AdamW's first step is the learning rate against the gradient's sign") {
  AdamWStep step;
  step.weight_decay = 0.5f;
  step.epsilon = 0.0f;
  Array p(1, 2), g(1, 2), m(1, 2), v(1, 2);
  p.values = {2.0, -1.0};
  g.values = {3.0, -0.01};
  reference::adamw(step, 0.125, p, g, m, v);
  CHECK(p.at(0, 0) == Approx(2.0 * (1.0 - 0.0625) - 0.125).epsilon(1e-12));
  CHECK(p.at(0, 1) == Approx(-1.0 * (1.0 - 0.0625) + 0.125).epsilon(1e-12));
}

TEST_CASE("reference: dropout keeps the expectation and its share") {
  Array x(50, 400), out(50, 400);
  for (double& value : x.values) value = 1.0;
  std::vector<uint64_t> row_ids(50);
  for (size_t i = 0; i < row_ids.size(); ++i) row_ids[i] = 1000 + i;
  reference::dropout(x, 0.25f, {1, 2}, row_ids, false, out);
  double total = 0.0;
  for (const double value : out.values) {
    CHECK((value == 0.0 || value == 1.0 / 0.75));
    total += value;
  }
  // 20,000 draws: the standard deviation of their mean is 0.0041.
  CHECK(total / 20000.0 == Approx(1.0).margin(0.02));
}

}  // namespace
}  // namespace rankscope::tests
