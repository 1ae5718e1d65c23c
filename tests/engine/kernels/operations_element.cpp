// Element kernels, plain sums and the optimiser in the operation table.
#include "tests/engine/kernels/operation.h"

namespace rankscope::tests {

namespace {

std::vector<Operand> two(const Shape& s) {
  return {{"x", Role::kIn, s.rows, s.cols}, {"y", Role::kInOut, s.rows, s.cols}};
}

// A vector, longer than a block of the sums and of the work of a thread.
std::vector<Shape> vector_shapes(int variants) {
  std::vector<Shape> shapes;
  for (int variant = 0; variant < variants; ++variant) {
    for (int64_t width = 1; width <= 67; ++width) shapes.push_back({1, width, 0, variant});
    shapes.push_back({1, 65536, 0, variant});
    shapes.push_back({1, 200003, 0, variant});
  }
  return shapes;
}

std::span<float> values_of(Matrix m) { return {m.data, static_cast<size_t>(m.cols)}; }

constexpr double kLearningRate = 0.01;

AdamWStep adamw_step(int variant) {
  AdamWStep step;
  step.weight_decay = 0.1;
  step.step = variant == 0 ? 1 : 1000;
  step.gradient_scale = variant == 0 ? 1.0 : 0.25;
  step.epsilon = variant == 0 ? 1e-8 : 1e-3;
  return step;
}

}  // namespace

std::vector<Operation> element_operations() {
  Operation add{.kernel = "add", .shapes = usual_shapes(1), .bound = 1e-7, .operands = two};
  add.run = [](Backend& b, const Shape&, std::span<const Matrix> m, const auto&) {
    b.add(m[0], m[1]);
  };
  add.reference = [](const Shape&, std::vector<Array>& a, const auto&) {
    reference::add(a[0], a[1]);
  };

  Operation multiply{
      .kernel = "multiply", .shapes = usual_shapes(1), .bound = 1e-7, .operands = two};
  multiply.run = [](Backend& b, const Shape&, std::span<const Matrix> m, const auto&) {
    b.multiply(m[0], m[1]);
  };
  multiply.reference = [](const Shape&, std::vector<Array>& a, const auto&) {
    reference::multiply(a[0], a[1]);
  };

  Operation swiglu{.kernel = "swiglu", .shapes = usual_shapes(1), .bound = 5e-7};
  swiglu.operands = [](const Shape& s) -> std::vector<Operand> {
    return {{.name = "gate", .rows = s.rows, .cols = s.cols, .scale = 4.0},
            {.name = "up", .rows = s.rows, .cols = s.cols},
            {"out", Role::kOut, s.rows, s.cols}};
  };
  swiglu.run = [](Backend& b, const Shape&, std::span<const Matrix> m, const auto&) {
    b.swiglu(m[0], m[1], m[2]);
  };
  swiglu.reference = [](const Shape&, std::vector<Array>& a, const auto&) {
    a[2] = reference::swiglu(a[0], a[1]);
  };

  Operation swiglu_backward{
      .kernel = "swiglu_backward", .shapes = usual_shapes(1), .bound = 1e-6, .magnitude = 4.0};
  swiglu_backward.operands = [](const Shape& s) -> std::vector<Operand> {
    return {{.name = "gate", .rows = s.rows, .cols = s.cols, .scale = 4.0},
            {.name = "up", .rows = s.rows, .cols = s.cols},
            {.name = "dout", .rows = s.rows, .cols = s.cols},
            {"dgate", Role::kOut, s.rows, s.cols},
            {"dup", Role::kOut, s.rows, s.cols}};
  };
  swiglu_backward.run = [](Backend& b, const Shape&, std::span<const Matrix> m, const auto&) {
    b.swiglu_backward(m[0], m[1], m[2], m[3], m[4]);
  };
  swiglu_backward.reference = [](const Shape&, std::vector<Array>& a, const auto&) {
    reference::swiglu_backward(a[0], a[1], a[2], a[3], a[4]);
  };

  Operation column_sum{.kernel = "column_sum", .shapes = usual_shapes(1), .bound = 2e-6};
  column_sum.operands = [](const Shape& s) -> std::vector<Operand> {
    // A thousand of them add up to size one.
    return {{.name = "x", .rows = s.rows, .cols = s.cols, .scale = 0.05},
            {"out", Role::kInOut, 1, s.cols, false, true}};
  };
  column_sum.run = [](Backend& b, const Shape&, std::span<const Matrix> m, const auto&) {
    b.column_sum(m[0], m[1].data);
  };
  column_sum.reference = [](const Shape&, std::vector<Array>& a, const auto&) {
    reference::column_sum(a[0], a[1]);
  };

  // In double from beginning to end; what is seen here was rounded once, to fp32.
  Operation squares{.kernel = "sum_of_squares",
                    .shapes = vector_shapes(1),
                    .bound = 1e-7,
                    .magnitude = 0.0,
                    .by_rows = false};
  squares.operands = [](const Shape& s) -> std::vector<Operand> {
    return {{"x", Role::kIn, 1, s.cols, false, true}, {"sum", Role::kOut, 1, 1, false, true}};
  };
  squares.run = [](Backend& b, const Shape&, std::span<const Matrix> m, const auto&) {
    *m[1].data =
        static_cast<float>(b.sum_of_squares(std::vector<std::span<const float>>{values_of(m[0])}));
  };
  squares.reference = [](const Shape&, std::vector<Array>& a, const auto&) {
    a[1].at(0, 0) = reference::sum_of_squares(a[0]);
  };

  Operation adamw{.kernel = "adamw", .shapes = vector_shapes(2), .bound = 5e-7, .by_rows = false};
  adamw.operands = [](const Shape& s) -> std::vector<Operand> {
    return {{"parameter", Role::kInOut, 1, s.cols, false, true},
            {"gradient", Role::kInOut, 1, s.cols, false, true},
            {"first moment", Role::kInOut, 1, s.cols, false, true},
            {"second moment", Role::kInOut, 1, s.cols, false, true}};
  };
  adamw.run = [](Backend& b, const Shape& s, std::span<const Matrix> m, const auto&) {
    // Moments as they are before the first step; later, a drawn one and its square.
    for (int64_t i = 0; i < s.cols; ++i) {
      float& first = m[2].data[i];
      if (s.variant == 0) first = 0.0f;
      m[3].data[i] = first * first;
    }
    b.adamw(adamw_step(s.variant),
            std::vector<AdamWParameter>{{values_of(m[0]), values_of(m[1]), values_of(m[2]),
                                         values_of(m[3]), kLearningRate}});
  };
  adamw.reference = [](const Shape& s, std::vector<Array>& a, const auto&) {
    for (size_t i = 0; i < a[2].values.size(); ++i) {
      if (s.variant == 0) a[2].values[i] = 0.0;
      const auto first = static_cast<float>(a[2].values[i]);
      a[3].values[i] = double{first * first};
    }
    reference::adamw(adamw_step(s.variant), kLearningRate, a[0], a[1], a[2], a[3]);
    std::ranges::fill(a[1].values, 0.0);  // ready for the next step
  };
  return {add, multiply, swiglu, swiglu_backward, column_sum, squares, adamw};
}

}  // namespace rankscope::tests
