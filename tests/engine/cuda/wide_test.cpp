// What stands around the wide products of the CUDA backend: vocabularies that no 16 divides, biases
// that cuBLASLt adds, and numbers of rows that it refuses.
#include <catch2/catch.hpp>

#include <cmath>
#include <limits>
#include <stdexcept>

#include "engine/backend/devices.h"
#include "tests/engine/cuda/staged_backend.h"
#include "tests/engine/kernels/operation.h"
#include "tests/skip.h"

namespace rankscope::tests {
namespace {

std::vector<float> numbers(int64_t count, float scale = 1.0f) {
  std::vector<float> x(static_cast<size_t>(count));
  uint32_t state = 12345;
  for (float& v : x) {
    state = state * 1664525u + 1013904223u;
    v = scale * (static_cast<float>(state >> 16 & 0xFF) - 128.0f) / 128.0f;
  }
  return x;
}

Tensor placed(Backend& b, const std::vector<float>& x, int64_t rows, int64_t cols, DType dtype) {
  Tensor t(b.allocator(), rows, cols, dtype);
  b.upload(x.data(), t.matrix());
  return t;
}

void check_vocabulary(Backend& b, int64_t vocabulary, int64_t width, int64_t rows, bool exact) {
  const int64_t d = width, whole = (vocabulary + 15) / 16 * 16;
  const std::vector<float> weight = numbers(vocabulary * d, 0.3f);
  std::shared_ptr<const void> owner;
  const WeightView head = b.place({weight.data(), DType::kF32, vocabulary, d, d, 1}, owner);
  CHECK(head.rows == vocabulary);
  const Tensor plain = placed(b, weight, vocabulary, d, b.precision());
  const Tensor h = placed(b, numbers(rows * d), rows, d, b.precision());
  Indices labels;
  for (int64_t i = 0; i < rows; ++i) labels.push_back(static_cast<int32_t>(i * 7 % vocabulary));
  const Tensor loss = b.floats(1, rows), nll = b.floats(1, rows);

  std::vector<std::vector<float>> logits_of, back_of, loss_of;
  for (const WeightView& w : {WeightView::of(plain.view()), head}) {
    const PackedMatrix forward = b.pack(w.transposed()), backward = b.pack(w);
    Tensor logits = b.floats(rows, whole);
    const Matrix block = logits.matrix().columns(0, vocabulary);
    const ProductTerm term{h.view(), &forward};
    b.product({&term, 1}, {}, block);
    logits_of.push_back(b.to_host(block));
    const std::vector<float> all = b.to_host(logits.view());
    if (w.data == head.data)
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = vocabulary; j < whole; ++j) CHECK(all[size_t(i * whole + j)] == 0.0f);
    // In two parts, as of two trials.
    const int64_t first = rows / 3;
    Matrix gradient =
        b.cross_entropy(block.row_range(0, first), labels, 0, 0.1f, 0.5f, loss.data(), nll.data());
    b.cross_entropy(block.row_range(first, rows), labels, first, 0.1f, 0.5f, loss.data() + first,
                    nll.data() + first);
    gradient.rows = rows;
    loss_of.push_back(b.to_host(loss.view()));
    const Tensor dh = b.empty(rows, d);
    const ProductTerm back{gradient, &backward};
    b.product({&back, 1}, {}, dh.matrix());
    back_of.push_back(b.to_host(dh.view()));
    // The zero rows are what is multiplied by.
    if (w.data == head.data && b.precision() == DType::kBF16) {
      const Matrix behind{static_cast<float*>(const_cast<void*>(w.data)), whole, d, d, w.dtype};
      std::vector<float> nan(static_cast<size_t>((whole - vocabulary) * d),
                             std::numeric_limits<float>::quiet_NaN());
      b.upload(nan.data(), behind.row_range(vocabulary, whole));
      b.product({&back, 1}, {}, dh.matrix());
      CHECK(std::isnan(b.to_host(dh.view())[0]));
      const ProductTerm other{
          placed(b, numbers(rows * vocabulary), rows, vocabulary, b.precision()).view(), &backward};
      b.product({&other, 1}, {}, dh.matrix());
      CHECK_FALSE(std::isnan(b.to_host(dh.view())[0]));
    }
  }
  const auto near = [&](const std::vector<std::vector<float>>& of, float bound) {
    if (exact) {
      CHECK(same_bits(of[0], of[1]));
      return;
    }
    float worst = 0, most = 0;
    for (size_t i = 0; i < of[0].size(); ++i) {
      worst = std::max(worst, std::abs(of[0][i] - of[1][i]));
      most = std::max(most, std::abs(of[0][i]));
    }
    CHECK(worst <= bound * most);
  };
  near(logits_of, 1e-5f);
  near(loss_of, 1e-5f);
  near(back_of, 1e-2f);
}

void check_rows(Backend& b, int64_t k, int64_t n, int64_t most, bool with_bias) {
  const Tensor right = placed(b, numbers(k * n, 0.1f), k, n, b.precision());
  const Tensor bias = placed(b, numbers(n), 1, n, DType::kF32);
  const PackedMatrix packed = b.pack(WeightView::of(right.view()));
  // Rows that lie 6 elements aside, in wider ones.
  const Tensor left = placed(b, numbers(most * (k + 16)), most, k + 16, b.precision());
  const Tensor residual = placed(b, numbers(most * n), most, n, b.precision());
  const auto rows = [&](int64_t m, bool addend, int64_t aside) {
    const Tensor out = b.empty(m, n);
    const ProductTerm term{left.view().columns(aside, aside + k).row_range(0, m), &packed};
    ProductEpilogue e;
    if (with_bias) e.bias = bias.data();
    if (addend) e.residual = residual.view().row_range(0, m);
    b.product({&term, 1}, e, out.matrix());
    return b.to_host(out.view());
  };
  for (const bool addend : {false, true})
    for (const int64_t aside : {0, 6}) {
      const std::vector<float> all = rows(most, addend, aside);
      for (const float x : all) REQUIRE_FALSE(std::isnan(x));
      for (int64_t m = 1; m < most; m += m < 70 ? 1 : 61) {
        INFO("k " << k << " n " << n << " m " << m << " of " << most << " aside " << aside);
        CHECK(same_bits(rows(m, addend, aside), {all.begin(), all.begin() + m * n}));
      }
    }
}

void check_biases(Backend& b, int64_t n) {
  const int64_t m = 4, k = 72;
  const Tensor left = placed(b, std::vector<float>(size_t(m * k), 0.0f), m, k, b.precision());
  const Tensor right = placed(b, numbers(k * n), k, n, b.precision());
  const PackedMatrix packed = b.pack(WeightView::of(right.view()));
  const auto sum = [&](const float* bias) {
    const Tensor out = b.empty(m, n);
    const ProductTerm term{left.view(), &packed};
    b.product({&term, 1}, {.bias = bias}, out.matrix());
    const std::vector<float> all = b.to_host(out.view());
    for (size_t i = 0; i < all.size(); ++i) CHECK(all[i] == all[i % size_t(n)]);
    return std::vector<float>(all.begin(), all.begin() + n);
  };
  const std::vector<float> ones(size_t(3 * n), 1.0f), twos(size_t(3 * n), 2.0f);
  Tensor bias = placed(b, ones, 1, 3 * n, DType::kF32);
  const std::vector<float> one(size_t(n), 1.0f), two(size_t(n), 2.0f);
  for (const int64_t at : {0, 1, 2}) CHECK(sum(bias.data() + at * n) == one);
  b.upload(twos.data(), Matrix{bias.data() + n + n / 2, 1, n / 2, n / 2});
  CHECK(sum(bias.data()) == one);
  CHECK(sum(bias.data() + n)[size_t(n - 1)] == 2.0f);
  CHECK(sum(bias.data() + n)[0] == 1.0f);
  CHECK(sum(bias.data() + 2 * n) == one);
  b.upload(twos.data(), bias.matrix());
  for (const int64_t at : {0, 1, 2}) CHECK(sum(bias.data() + at * n) == two);
  // Decays to half.
  const Tensor zeros = b.zeros(3, 3 * n);
  const auto size = static_cast<size_t>(3 * n);
  const AdamWParameter p{
      {bias.data(), size}, {zeros.row(0), size}, {zeros.row(1), size}, {zeros.row(2), size}, 0.5};
  AdamWStep step;
  step.weight_decay = 1.0;
  b.adamw(step, {&p, 1});
  for (const int64_t at : {0, 1, 2}) CHECK(sum(bias.data() + at * n) == one);
  b.fill_zero(bias.matrix());
  CHECK(sum(bias.data() + n) == std::vector<float>(size_t(n), 0.0f));
  for (int i = 0; i < 3; ++i) {  // memory that was another bias
    const float* was = bias.data();
    bias = {};
    const Tensor again = b.floats(1, 3 * n);
    CHECK(again.data() == was);
    const Tensor x = placed(b, i % 2 == 0 ? ones : twos, 1, 3 * n, DType::kF32);
    b.gather(WeightView::of(x.view()), Indices{0}, false, again.matrix());
    CHECK(sum(again.data() + n) == (i % 2 == 0 ? one : two));
    bias = again;
  }
}

// Matrices of one row or one column, seen as they lie and transposed.
void check_one_column(Backend& b) {
  for (const int64_t n : {1, 3, 70, 72}) {
    INFO("n " << n);
    const int64_t m = 5;
    const std::vector<float> x = numbers(n), y = numbers(m, 0.5f);
    const Tensor column = placed(b, x, n, 1, DType::kF32), left = placed(b, y, m, 1, DType::kF32);
    for (const WeightView& row : {WeightView{column.data(), DType::kF32, 1, n, 1, 1},
                                  WeightView::of(column.view()).transposed()}) {
      const PackedMatrix packed = b.pack(row);
      const Tensor out = b.zeros(m, n);
      const ProductTerm term{left.view(), &packed};
      b.product({&term, 1}, {.accumulate = true}, out.matrix());
      const std::vector<float> got = b.to_host(out.view());
      for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j)
          CHECK(got[size_t(i * n + j)] == y[size_t(i)] * x[size_t(j)]);
    }
    // A column's elements as the only row of a matrix keep its distance.
    const Matrix thin{const_cast<float*>(column.data()), 1, n, 1};
    CHECK(b.to_host(thin) == x);
    b.fill_zero(thin);
    CHECK(b.to_host(thin) == std::vector<float>(size_t(n)));
    b.upload(x.data(), thin);
    // One row of both, and its outer product.
    const Tensor all = placed(b, std::vector<float>(size_t(n * n), 1.0f), n, n, DType::kF32);
    const PackedMatrix packed = b.pack(WeightView::of(all.view()));
    const Tensor sum = b.floats(1, n), outer = b.zeros(n, n);
    const Matrix row{column.data(), 1, n, 1};
    const ProductTerm term{row, &packed};
    b.product({&term, 1}, {}, {sum.data(), 1, n, 1});
    float expected = 0;
    for (const float v : x) expected += v;
    CHECK(b.to_host(sum.view())[0] == Approx(expected).margin(1e-4));
    b.accumulate_outer(row, row, outer.matrix());
    CHECK(b.to_host(outer.view())[size_t(n - 1)] == x[0] * x[size_t(n - 1)]);
  }
}

void check_residual(Backend& b) {
  const int64_t m = 3, n = 72;
  const Tensor right = placed(b, numbers(n * n), n, n, b.precision());
  const Tensor left = placed(b, numbers(m * n), m, n, b.precision());
  const PackedMatrix packed = b.pack(WeightView::of(right.view()));
  const DType other = b.precision() == DType::kF32 ? DType::kBF16 : DType::kF32;
  const Tensor residual(b.allocator(), m, n, other), out = b.empty(m, n);
  const ProductTerm term{left.view(), &packed};
  for (const Activation activation : {Activation::kNone, Activation::kRelu})
    CHECK_THROWS_AS(b.product({&term, 1}, {.activation = activation, .residual = residual.view()},
                              out.matrix()),
                    std::logic_error);
}

void check_all(Backend& b, bool on_gpu) {
  check_residual(b);
  check_one_column(b);
  check_vocabulary(b, 83, 72, 12, !on_gpu);
  check_vocabulary(b, 131, 72, 13, !on_gpu);
  if (on_gpu) check_vocabulary(b, 50257, 1024, 200, false);
  for (const bool bias : {false, true}) {
    for (const int64_t n : {72, 80, 83, 88}) check_rows(b, 70, n, on_gpu ? 300 : 14, bias);
    if (on_gpu)
      for (const int64_t k : {1024, 4096})
        for (const int64_t n : {1024, 4096}) check_rows(b, k, n, 800, bias);
  }
  for (const int64_t n : {64, 72, 80}) check_biases(b, n);
}

TEST_CASE("cuda: wide products on the fake device", "[slow]") {
  for (const DType precision : {DType::kF32, DType::kBF16})
    check_all(*make_fake_backend(precision), false);
}

TEST_CASE("cuda: a resume point is of what multiplies, of its kernels and of their precision") {
  CHECK_THAT(std::string(make_fake_backend(DType::kF32)->instruction_set()),
             Catch::StartsWith("fake device, fake, kernels ") && Catch::EndsWith(", fp32"));
  CHECK(make_fake_backend(DType::kF32)->libraries() == "plain loops");
}

TEST_CASE("cuda: wide products on a GPU", "[gpu]") {
  if (usable_gpus(gpus()).empty()) RANKSCOPE_SKIP("no GPU");
  for (const NamedBackend& b : gpu_backends())
    CHECK_THAT(b.backend->libraries(), Catch::StartsWith("cuBLASLt "));
  for (const DType precision : {DType::kF32, DType::kBF16})
    check_all(*make_gpu_backend(precision), true);
}

}  // namespace
}  // namespace rankscope::tests
